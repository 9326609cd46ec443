"""Who is acting: the caller itself, or the person for whom a trusted gateway speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from servicekit.auth import current_caller
from servicekit.errors import Forbidden

from permissions.domain.approvers import SecondFactor

if TYPE_CHECKING:
    from permissions.queries.live import Live

VOUCH = "vouch"
"""The action, on the platform, of a gateway that states who a person is and how they proved it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, how they proved to be there, and the caller that says so (the same, or a gateway)."""

    person_id: str
    proof: SecondFactor
    caller_id: str


def acting(live: Live, *, person_id: str, stated: SecondFactor) -> Actor:
    """Who acts. What is `stated` counts only from a caller that may vouch; a person's own token speaks for itself.

    Raises `Forbidden` for a caller nobody knows, and for one that speaks for others without the right.
    """
    caller = current_caller()
    if caller is None:
        raise Forbidden("unauthenticated")
    if person_id in {"", caller.subject}:
        return Actor(caller.subject, SecondFactor(caller.amr, caller.auth_time), caller.subject)
    question = Question(caller.subject, VOUCH, "platform", "permissions")
    if live.engine.decide(question, now_s=live.now_s).outcome is not Outcome.ALLOW:
        raise Forbidden("the caller may not speak for others")
    return Actor(person_id, stated, caller.subject)
