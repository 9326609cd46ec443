"""Erasures: forgetting what a service keeps under some keys, and again for as long as messages may bring it back.

An event about a key may arrive after the key was forgotten: it waited in a stream, was retried, or was replayed. So an
erasure is remembered and carried out again, the last time when the streams have forgotten too.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import structlog

from servicekit.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

    import asyncpg
    from sqlalchemy import MetaData, Table

    from servicekit.database import Database, UnitOfWork

log = structlog.get_logger()

REPEATED_AFTER = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=8))
"""Since the erasure; a stream keeps its messages for seven days."""

REPEATED_AT_ONCE = 20
REPEAT_IDLE_S = 10.0
PART_BYTES_MAX = 500_000
"""Size of one part of an answer, half of what an event may have."""

_REMEMBER = """
insert into erasures (request_id, keys, erased_at, repeat_no, repeat_at) values ($1, $2, $3, 0, $4)
on conflict (request_id) do nothing
"""
_DUE = """
select request_id, keys, erased_at, repeat_no from erasures where repeat_at <= $1
order by repeat_at limit $2 for update skip locked
"""
_POSTPONE = "update erasures set repeat_no = $2, repeat_at = $3 where request_id = $1"
_DROP_PUBLISHED = "delete from outbox where published_at is not null and key = any($1::text[])"
_DROP_LETTERS = """
delete from dead_letters where not event_type = any($2::text[]) and exists (
  select from unnest($1::bytea[]) as key where position(key in payload) > 0
)
"""


class Erased(NamedTuple):
    """How many records were changed or deleted, and what was kept and why."""

    record_count: int
    holds: tuple[str, ...] = ()

    def answer(self, request_id: str) -> dict[str, Any]:
        """The fields of the event that answers a request to erase."""
        return {"request_id": request_id, "erased_count": self.record_count, "holds": self.holds}


class Part(NamedTuple):
    """One part of an answer: its number from 1, of how many, and a JSON array of records."""

    number: int
    part_count: int
    record_count: int
    records: bytes

    def answer(self, request_id: str) -> dict[str, Any]:
        """The fields of the event that answers a request to tell what is kept."""
        return {
            "request_id": request_id,
            "part": self.number,
            "part_count": self.part_count,
            "record_count": self.record_count,
            "records": self.records,
        }


class Asked(NamedTuple):
    """A request as a message brought it: its id, and the keys that it is about."""

    request_id: UUID
    keys: list[UUID]


def asked(request_id: str, keys: Iterable[str]) -> Asked:
    """A request as a message names it; raises `InvalidMessage`."""
    try:
        return Asked(UUID(request_id), [UUID(key) for key in keys])
    except ValueError:
        raise InvalidMessage("a request or a key is not a UUID") from None


def erasures_table(metadata: MetaData) -> Table:
    """The table of a service that erases; its migration makes it, and alone needs SQLAlchemy."""
    from sqlalchemy import Column, DateTime, Index, SmallInteger, Table, Uuid, text
    from sqlalchemy.dialects.postgresql import ARRAY

    table = Table(
        "erasures",
        metadata,
        Column("request_id", Uuid, primary_key=True),
        Column("keys", ARRAY(Uuid), nullable=False),
        Column("erased_at", DateTime(timezone=True), nullable=False),
        Column("repeat_no", SmallInteger, nullable=False),
        Column("repeat_at", DateTime(timezone=True)),
    )
    due = text("repeat_at is not null")
    Index("ix_erasures_repeat_at", table.c.repeat_at, postgresql_where=due)
    return table


class Erasures:
    """Carries erasures out and, as a worker's step, repeats them.

    `erase` takes away what is the service's own; what the kit keeps, sent events and dead letters that name a key, goes
    with it. Dead letters of the types in `spared`, the requests themselves, stay.
    """

    def __init__(
        self,
        database: Database,
        erase: Callable[[UnitOfWork, Sequence[UUID]], Awaitable[Erased]],
        *,
        spared: Sequence[str],
    ) -> None:
        self._database = database
        self._erase = erase
        self._spared = list(spared)

    async def carry_out(self, uow: UnitOfWork, request_id: UUID, keys: Sequence[UUID]) -> Erased:
        """Erases in the given transaction, and remembers to do so again."""
        first = uow.now + REPEATED_AFTER[0]
        await uow.raw.execute(_REMEMBER, request_id, keys, uow.now, first)
        return await self._everything(uow, keys)

    async def step(self) -> bool:
        """Repeats erasures that are due; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            due = await uow.raw.fetch(_DUE, uow.now, REPEATED_AT_ONCE)
            if due:
                keys = sorted({key for row in due for key in row[1]})
                again = await self._everything(uow, keys)
                for request_id, _, erased_at, repeat_no in due:
                    await _postpone(uow.raw, request_id, erased_at, repeat_no + 1)
                if again.record_count:
                    log.warning(
                        "erased_again", record_count=again.record_count, request_count=len(due)
                    )
        return len(due) == REPEATED_AT_ONCE

    async def _everything(self, uow: UnitOfWork, keys: Sequence[UUID]) -> Erased:
        own = await self._erase(uow, keys)
        forgotten = await forget_messages(uow.raw, keys, self._spared)
        return own._replace(record_count=own.record_count + forgotten)


async def forget_messages(
    raw: asyncpg.Connection, keys: Sequence[UUID], spared: Sequence[str] = ()
) -> int:
    """Deletes sent events of these keys and dead letters that name one; returns how many.

    An event that has yet to leave stays: it would be missed.
    """
    names = [str(key) for key in keys]
    sent = await raw.execute(_DROP_PUBLISHED, names)
    letters = await raw.execute(_DROP_LETTERS, [name.encode() for name in names], list(spared))
    return _affected(sent) + _affected(letters)


def parts(records: Sequence[Mapping[str, Any]]) -> list[Part]:
    """Records as the parts of an answer, one at least; times become ISO 8601, ids texts."""
    batches = list(_batches(records)) or [[]]
    return [
        Part(number, len(batches), len(batch), b"[" + b",".join(batch) + b"]")
        for number, batch in enumerate(batches, start=1)
    ]


def _batches(records: Sequence[Mapping[str, Any]]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for record in records:
        encoded = json.dumps(
            dict(record), ensure_ascii=False, separators=(",", ":"), default=_written
        ).encode()
        if batch and size + len(encoded) > PART_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded) + 1
    if batch:
        yield batch


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _postpone(
    raw: asyncpg.Connection, request_id: UUID, erased_at: datetime, repeat_no: int
) -> None:
    is_over = repeat_no >= len(REPEATED_AFTER)
    repeat_at = None if is_over else erased_at + REPEATED_AFTER[repeat_no]
    await raw.execute(_POSTPONE, request_id, repeat_no, repeat_at)


def _affected(status: str) -> int:
    return int(status.rpartition(" ")[2])
