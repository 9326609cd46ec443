"""Whether a caller may do what a servicer decides about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from accesskit.guard import circumstances_of
from servicekit.auth import current_caller
from servicekit.errors import Unauthenticated

if TYPE_CHECKING:
    from accesskit.decisions import Decision
    from accesskit.policy import ApprovalTemplate
    from servicekit.auth import Caller

    from permissions.domain.facts import Need
    from permissions.queries.live import Live


APPROVAL_REQUIRED = "approval_required"
"""The engine's reason when everything but the approval is there."""


def known_caller() -> Caller:
    """Who calls; raises `Unauthenticated` where nobody can be named."""
    caller = current_caller()
    if caller is None:
        raise Unauthenticated("anonymous")
    return caller


def question_of(caller: Caller, need: Need) -> Question:
    """Whether the caller has a right, as a question."""
    return Question(
        caller.subject,
        need.action,
        need.resource_type,
        need.resource_id,
        circumstances=circumstances_of(caller),
    )


def decide_for(caller: Caller, live: Live, need: Need) -> Decision:
    """Whether the caller has a right, by the state in memory as it is now."""
    return live.engine.decide(question_of(caller, need), now_s=live.now_s)


def has(caller: Caller, live: Live, need: Need) -> bool:
    """Whether the caller has a right outright."""
    return decide_for(caller, live, need).outcome is Outcome.ALLOW


def approval_for(live: Live, need: Need) -> ApprovalTemplate | None:
    """The approval that the live policy demands for it, whoever asks."""
    policy = live.engine.policy
    return policy.approval(need.resource_type, need.action) if policy else None
