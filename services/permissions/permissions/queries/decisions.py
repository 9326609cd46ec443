"""What is asked of the state in memory beside plain checks: who may ask, how fresh, filters, trees, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from accesskit.decisions import Circumstances, Outcome, Question
from servicekit.errors import Unauthenticated

from permissions.domain.decisions import NotYours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from accesskit.engine import Filter
    from accesskit.relations import Tree
    from servicekit.auth import Caller

    from permissions.domain.decisions import Freshness
    from permissions.queries.live import Live

ASK = "check"
"""The action of asking about others than oneself, on this service as a resource of type `platform`."""
PLATFORM = ("platform", "permissions")


class Standing(Protocol):
    """Says whether an approval would serve a question now."""

    async def __call__(self, question: Question) -> str:
        """`STANDS`, or a code that says why it does not serve."""


async def nobody_approves(question: Question) -> str:  # noqa: ARG001 - a `Standing`
    """No approval serves where none can be looked up."""
    return "approval_unverifiable"


def circumstances_of(caller: Caller) -> Circumstances:
    """What the caller's token says of its session."""
    return Circumstances(
        session_id=caller.session_id, device_id=caller.device_id, epoch=caller.epoch
    )


def may_ask(live: Live, caller: Caller | None, subject_id: str = "") -> bool:
    """Whether the caller may ask about a subject; about others than oneself, and about all, by the right to ask.

    Raises `Unauthenticated` where nobody knows who asks.
    """
    if caller is None:
        raise Unauthenticated("missing")
    if caller.subject == subject_id:
        return True
    question = Question(caller.subject, ASK, *PLATFORM, circumstances=circumstances_of(caller))
    return live.engine.decide(question, now_s=live.now_s).outcome is Outcome.ALLOW


async def admit(
    live: Live, caller: Caller | None, freshness: Freshness, *, subject_id: str = ""
) -> None:
    """Returns once the state is fresh enough and the caller may ask.

    Raises `NotYours`, `Unauthenticated`, `Unavailable`, or what a bad consistency token raises.
    """
    await live.at_least(freshness.at_least)
    is_admitted = may_ask(live, caller, subject_id)
    if freshness.latest or not is_admitted:
        await live.catch_up()
    if not is_admitted and not may_ask(live, caller, subject_id):
        raise NotYours


def find_filter(
    live: Live, asking: tuple[str, str, str], context: Mapping[str, Any] | None
) -> Filter:
    """What a subject may do an action to, as a predicate; `asking` is (subject, action, resource type)."""
    return live.engine.filter(*asking, now_s=live.now_s, context=context)


def expand(live: Live, resource: tuple[str, str], relation: str) -> Tree | None:
    """How a relation of a resource, (type, id), comes to hold; None while there is no policy."""
    return live.engine.expand(*resource, relation, now_s=live.now_s)
