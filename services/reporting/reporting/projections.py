"""From events to the rows that reports are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from servicekit.events import Event, name_of

from reporting.store import assignments as assignment_store
from reporting.store import leads as lead_store
from reporting.wire import assignments as wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective
    from servicekit.database import UnitOfWork

    from reporting.domain.assignments import Stretch
    from reporting.domain.leads import Fact

E = TypeVar("E", bound=Event)


async def project(
    uow: UnitOfWork, events: Sequence[E], translate: Callable[[E, str | None], Fact]
) -> None:
    """Adds events of one type to the facts and the timeline; `translate` gets each with its trace id."""
    facts = [translate(event, _trace_id(uow.traceparent_of(event))) for event in events]
    await lead_store.record(uow.raw, _name(events), facts)


async def project_assignments(
    uow: UnitOfWork, events: Sequence[E], translate: Callable[[E], Stretch]
) -> None:
    """Adds what events of one type state about assignments; those that do not say of which are passed over."""
    stretches = [stretch for stretch in map(translate, events) if stretch.number]
    if stretches:
        await assignment_store.record(uow.raw, _name(events), stretches)


async def project_effective(uow: UnitOfWork, events: Sequence[FollowUpBecameEffective]) -> None:
    """Adds follow-ups that count."""
    await assignment_store.record_effective(uow.raw, [wire.effective(event) for event in events])


def _name(events: Sequence[Event]) -> str:
    return name_of(events[0].DESCRIPTOR.full_name)


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent[3:35] if traceparent else None
