"""Questions and their answers, in three values."""

from enum import Enum
from typing import Any, TypeAlias

import msgspec

from accesskit.facts import Fact

Proof: TypeAlias = Fact | tuple["Proof", ...]
"""The facts by which a relation holds, nested as the model's rules nest; always truthy."""


class Outcome(Enum):
    """ALLOW and DENY are final; CONDITIONAL would be one of them if what is missing were given."""

    ALLOW = "allow"
    DENY = "deny"
    CONDITIONAL = "conditional"


class Missing(msgspec.Struct, frozen=True):
    """Neither proven nor refuted: names of the context values that conditions lack."""

    names: frozenset[str]


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """Facts of the transport that an authenticated gateway states: never a client's headers.

    `epoch` is that of the caller's token. `address` is the peer's IP address. A device counts when its possession was
    proven in this session.
    """

    session_id: str = ""
    device_id: str = ""
    address: str = ""
    epoch: int | None = None


class Question(msgspec.Struct, frozen=True, gc=False):
    """May this subject do this action to this resource?

    `fields` are the names of what is to be written or read, where the action is about fields. `approval_id` and
    `params_hash` (SHA-256, hex, of the canonical arguments) accompany an approved sensitive action.
    """

    subject_id: str
    action: str
    resource_type: str
    resource_id: str
    context: dict[str, Any] | None = None
    fields: tuple[str, ...] = ()
    circumstances: Circumstances | None = None
    approval_id: str = ""
    params_hash: str = ""


class Obligation(msgspec.Struct, frozen=True):
    """What the caller must do along with an allowed action: `step-up`, `watermark`, `mask`, `notification`."""

    kind: str
    details: dict[str, str] = {}


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer. `rule` is the id of the policy's rule that made it, or the name of the guard that refused.

    `proof` are the facts of an allow. `missing` names the context values that a CONDITIONAL lacks. `approval` is the
    template that a refused sensitive action could be requested with.
    """

    outcome: Outcome
    rule: str
    reason: str = ""
    proof: Proof | None = None
    missing: frozenset[str] = frozenset()
    obligations: tuple[Obligation, ...] = ()
    approval: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """A decision with what led to it.

    `path` are the facts in order, `tried` each rule that might have allowed it and why it did not, `remedies` what
    would change a refusal.
    """

    decision: Decision
    revision: int
    policy_version: int
    path: tuple[Fact, ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    remedies: tuple[str, ...] = ()


def facts_of(proof: Proof | None) -> tuple[Fact, ...]:
    """The facts of a proof, outermost first."""
    if proof is None:
        return ()
    if isinstance(proof, Fact):
        return (proof,)
    return tuple(fact for part in proof for fact in facts_of(part))
