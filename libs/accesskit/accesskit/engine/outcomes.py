"""The reasons a decision can give, and how one rule answers.

Reasons are stable codes that callers may branch on:

* `allowed`: a rule allows it.
* `unknown_subject`, `suspended`, `departed`: who asks is nobody, or not at work.
* `stale_epoch`, `session_revoked`: the token or session is void.
* `untrusted_device`: the role works only from a registered device or trusted network.
* `no_policy`: no policy is live. `unknown_type`, `unknown_action`: the policy does not speak of it.
* `denied_by_rule`: a deny rule forbids it.
* `no_role`: no rule allows it to any of the subject's roles. `no_relation`: rules do, in a relation the subject lacks.
* `fields_required`: rules allow it for certain fields only, which the question must name.
* `lease_over`: the owner's lease is read-only or over. `not_in_pool`: somebody's lease still runs.
* `cooling_down`: the subject lost the resource too recently to claim it.
* `condition_false`: the rule's condition does not hold. `missing_context`: it depends on what the context lacks.
* `field_locked`, `field_hidden`: the field is written or read by others only.
* `approval_required`, `approval_invalid`: a sensitive action without an approval, or with one that does not serve.
* `bad_name`: the resource id could be mistaken for another.
"""

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from accesskit.decisions import Decision, Missing, Obligation, Outcome, Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Refusal(msgspec.Struct, frozen=True):
    """A rule that would allow it if not for `reason`."""

    reason: str


Verdict: TypeAlias = (
    "Callable[[str, str, str, float, Mapping[str, Any] | None], Proof | Missing | Refusal | None]"
)
"""(resource_id, subject_type, subject_id, now_s, context) -> proof, what is missing, why not, or None (no relation)."""


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule for one resource type, ready to be asked."""

    id: str
    verdict: Verdict
    obligations: tuple[Obligation, ...]
    fields: frozenset[str]


def denial(reason: str, rule: str = "", approval: str = "") -> Decision:
    """A refusal that rests on no facts."""
    return Decision(Outcome.DENY, rule, reason, approval=approval)


NO_POLICY: Final = denial("no_policy")
UNKNOWN_SUBJECT: Final = denial("unknown_subject", "subject")
UNKNOWN_TYPE: Final = denial("unknown_type")
UNKNOWN_ACTION: Final = denial("unknown_action")
NO_ROLE: Final = denial("no_role")
NO_RELATION: Final = denial("no_relation")
FIELDS_REQUIRED: Final = denial("fields_required")
NOT_IN_POOL: Final = denial("not_in_pool")

LEASE_OVER: Final = Refusal("lease_over")
COOLING_DOWN: Final = Refusal("cooling_down")
CONDITION_FALSE: Final = Refusal("condition_false")
BAD_NAME: Final = Refusal("bad_name")
