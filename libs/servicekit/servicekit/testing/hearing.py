"""A service's subscribers without a stream: a test hands them events and looks at what they wrote and stated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from servicekit.dead_letters import DeadLetter
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.bus import Bus
    from servicekit.database import Database

HEARD_AT = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


class Hearing:
    """What a service does about events, each handled in a transaction of its own, as its bus handles a replayed one."""

    def __init__(self, service: str, database: Database, bus: Bus) -> None:
        self.database = database
        self._service = service
        self._bus = bus

    async def hears(self, event: Any) -> None:
        """One event arrives; again when it has its id already."""
        event.event_id = event.event_id or new_id()
        letter = DeadLetter(
            consumer=f"{self._service}-{event.DESCRIPTOR.name}",
            event_id=event.event_id,
            event_type=event.DESCRIPTOR.full_name,
            payload=event.SerializeToString(),
            error="",
            attempt_count=1,
            first_failed_at=HEARD_AT,
            quarantined_at=HEARD_AT,
            traceparent=None,
        )
        await self._bus.replay(letter)

    async def states(self, kind: Any) -> list[Any]:
        """What it has stated of one kind of event, in order."""
        async with self.database.raw() as raw:
            rows = await raw.fetch(
                "select payload from outbox where event_type = $1 order by id",
                kind.DESCRIPTOR.full_name,
            )
        return [kind.FromString(row[0]) for row in rows]

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]

    async def execute(self, query: str, *arguments: object) -> None:
        """Whatever a test has to bring about."""
        async with self.database.unit_of_work() as uow:
            await uow.raw.execute(query, *arguments)
