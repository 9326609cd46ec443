"""From events to the rows that reports are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from servicekit.events import Event, name_of

from reporting.store import leads as store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicekit.database import UnitOfWork

    from reporting.domain.leads import Fact

E = TypeVar("E", bound=Event)


async def project(
    uow: UnitOfWork, events: Sequence[E], translate: Callable[[E, str | None], Fact]
) -> None:
    """Adds events of one type to the facts and the timeline; `translate` gets each with its trace id."""
    facts = [translate(event, _trace_id(uow.traceparent_of(event))) for event in events]
    await store.record(uow.raw, name_of(events[0].DESCRIPTOR.full_name), facts)


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent[3:35] if traceparent else None
