"""What is asked of the state in memory beside plain checks: who may ask, how fresh, filters, trees, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from accesskit.decisions import Outcome, Question
from accesskit.guard import circumstances_of
from servicekit.errors import Unauthenticated

from permissions.domain.decisions import ANYTIME, Freshness, NotYours

if TYPE_CHECKING:
    from accesskit.relations import Tree
    from servicekit.auth import Caller

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


def may_ask(live: Live, caller: Caller | None, subject_id: str = "") -> bool:
    """Whether the caller may ask about a subject; about others than oneself, and about all, by the right to ask.

    Raises `Unauthenticated` where nobody knows who asks.
    """
    if caller is None:
        raise Unauthenticated("missing")
    if caller.subject == subject_id:
        return True
    has_session = caller.epoch is not None or caller.session_id
    circumstances = circumstances_of(caller) if has_session else None
    question = Question(caller.subject, ASK, *PLATFORM, circumstances=circumstances)
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


class WantedFilter(msgspec.Struct, frozen=True):
    """A predicate over the caller's columns; without `owner_column` it lists the resources' ids."""

    subject_id: str
    action: str
    resource_type: str
    id_column: str
    owner_column: str = ""
    first_parameter: int = 1
    context: dict[str, Any] | None = None
    freshness: Freshness = ANYTIME


class Predicate(msgspec.Struct, frozen=True):
    """SQL with numbered parameters, each a list of text; `is_conditional` when more might be allowed with context."""

    text: str
    parameters: list[list[str]]
    is_conditional: bool = False


def find_filter(live: Live, wanted: WantedFilter) -> Predicate:
    """What the subject may do the action to, as a predicate."""
    asking = (wanted.subject_id, wanted.action, wanted.resource_type)
    engine, now_s = live.engine, live.now_s
    if not wanted.owner_column:
        found = engine.lookup(*asking, now_s=now_s, context=wanted.context)
        if found.is_everything:
            return Predicate("TRUE", [])
        text = f"{wanted.id_column} = ANY(${wanted.first_parameter}::text[])"
        return Predicate(text, [list(found.ids)], bool(found.conditional))
    filter_ = engine.filter(*asking, now_s=now_s, context=wanted.context)
    text, parameters = filter_.sql(
        id_column=wanted.id_column,
        owner_column=wanted.owner_column,
        first_parameter=wanted.first_parameter,
    )
    return Predicate(text, parameters, filter_.is_conditional)


def expand(live: Live, resource: tuple[str, str], relation: str) -> Tree | None:
    """How a relation of a resource, (type, id), comes to hold; None while there is no policy."""
    return live.engine.expand(*resource, relation, now_s=live.now_s)
