"""What becomes of a write to a system: taken, put off, refused in part or whole, or given up.

A write that was sent and not marked is sent again with the same idempotency key, which changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from servicekit.events import new_id

from identity.commands.system_rows import OURSELVES
from identity.domain.field_maps import MAIN_ENTITY, written_row
from identity.domain.statements import Statement
from identity.domain.write_backs import (
    GAVE_UP,
    LOCKED,
    REFUSED,
    ClaimedWrite,
    WriteBackNotFound,
    WriteBackState,
    next_try_in_s,
)
from identity.store import system_rows, write_backs
from identity.store.write_backs import PlannedWrite
from identity.wire import systems as wire

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from servicekit.database import UnitOfWork

    from identity.commands.system_rows import Desk
    from identity.store.write_backs import LeasedWrite


class Failed(NamedTuple):
    """Why a try failed; `retry_after_s` when the system asks to be left alone."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class WritingBack:
    """Keeps what became of writes, each in a transaction of its own."""

    desk: Desk

    async def claim(
        self, uow: UnitOfWork, systems: Sequence[str], *, lease: timedelta, limit: int
    ) -> list[ClaimedWrite]:
        """The writes to these systems whose turn it is, nobody else's for the length of the lease."""
        leased = await write_backs.claim(uow.raw, systems, now=uow.now, lease=lease, limit=limit)
        return [self._opened(each) for each in leased]

    async def written(self, uow: UnitOfWork, claimed: ClaimedWrite, *, version: str) -> None:
        """The system took it: its row now says what stands, as of when somebody last changed it there."""
        key = (claimed.system, claimed.key_digest)
        if not await self._taken(uow, claimed):
            return
        if version:
            before = claimed.expected_version
            await system_rows.set_version(uow.raw, key, before=before, after=version)
        await self._settle(uow, claimed, WriteBackState.WRITTEN, "")
        known = (await system_rows.known_sources(uow.raw, [key])).get(key)
        if known is None:
            return
        fields = self.desk.seals.open_fields(claimed.key_digest, known.sealed_fields)
        statement = Statement(
            system=claimed.system,
            source_key=claimed.record_key,
            fields={**fields, **claimed.fields},
            modified_at=known.modified_at,
            received_at=max(uow.now, known.received_at),
            actor=OURSELVES,
        )
        await self.desk.resolver.resolve(uow, [statement])

    async def put_off(self, uow: UnitOfWork, claimed: ClaimedWrite, failed: Failed) -> None:
        """It may work later; after the last try it is given up, and said so."""
        if not await self._taken(uow, claimed):
            return
        count = claimed.attempt_count + 1
        delay_s = next_try_in_s(count, retry_after_s=failed.retry_after_s)
        if delay_s is None:
            await self._settle(uow, claimed, WriteBackState.GAVE_UP, failed.reason)
            await self._say(uow, claimed, claimed.fields, GAVE_UP)
            return
        await write_backs.put_off(
            uow.raw,
            claimed.write_back_id,
            reason=failed.reason[:64],
            attempt_count=count,
            due_in=timedelta(seconds=delay_s),
            now=uow.now,
        )

    async def refused(self, uow: UnitOfWork, claimed: ClaimedWrite, reason: str) -> None:
        """The system will never take it."""
        if await self._taken(uow, claimed):
            await self._settle(uow, claimed, WriteBackState.REFUSED, reason)
            await self._say(uow, claimed, claimed.fields, REFUSED)

    async def locked(self, uow: UnitOfWork, claimed: ClaimedWrite, names: Collection[str]) -> None:
        """Nobody may write some fields, by the system's names: they are refused, and the others wait anew."""
        if not await self._taken(uow, claimed):
            return
        entity = self.desk.systems.entity_map(claimed.system, MAIN_ENTITY)
        closed = (
            {entity.fields[name].to for name in names if name in entity.fields} if entity else set()
        )
        closed &= claimed.fields.keys()
        left = claimed.fields.keys() - closed
        if closed and left:
            await write_backs.narrow(uow.raw, claimed.write_back_id, self._part(claimed, closed))
            await write_backs.replace_plans(uow.raw, [], [self._part(claimed, left)], now=uow.now)
        await self._settle(uow, claimed, WriteBackState.REFUSED, LOCKED)
        await self._say(uow, claimed, closed or claimed.fields, LOCKED)

    def row_of(self, claimed: ClaimedWrite) -> dict[str, str]:
        """What the system is told, by its own names; empty when its map can no longer say it."""
        entity = self.desk.systems.entity_map(claimed.system, MAIN_ENTITY)
        return written_row(entity, claimed.fields) if entity else {}

    async def _taken(self, uow: UnitOfWork, claimed: ClaimedWrite) -> bool:
        # First the row, as whoever takes rows in does: two in another order would wait for each other.
        await system_rows.lock(uow.raw, claimed.system, claimed.key_digest)
        return await write_backs.take(uow.raw, claimed.write_back_id)

    async def _settle(
        self, uow: UnitOfWork, claimed: ClaimedWrite, state: WriteBackState, reason: str
    ) -> None:
        await write_backs.settle(
            uow.raw,
            claimed.write_back_id,
            state,
            reason=reason[:64],
            attempt_count=claimed.attempt_count + (state is not WriteBackState.WRITTEN),
            now=uow.now,
        )

    async def _say(
        self, uow: UnitOfWork, claimed: ClaimedWrite, fields: Collection[str], reason: str
    ) -> None:
        golden_id = await write_backs.golden_id_of(uow.raw, claimed.source_id)
        if golden_id:
            event = wire.source_diverged(golden_id, claimed.system, sorted(fields), reason)
            uow.publish(event, key=golden_id)

    def _opened(self, leased: LeasedWrite) -> ClaimedWrite:
        seals, digest = self.desk.seals, leased.key_digest
        return ClaimedWrite(
            leased.write_back_id,
            leased.source_id,
            leased.system,
            digest,
            seals.open_key(digest, leased.sealed_key) if leased.sealed_key else "",
            seals.open_fields(digest, leased.sealed_fields),
            dict(zip(leased.fields, leased.winners, strict=True)),
            leased.idempotency_key,
            leased.version,
            leased.attempt_count,
        )

    def _part(self, claimed: ClaimedWrite, names: Collection[str]) -> PlannedWrite:
        fields = {name: claimed.fields[name] for name in sorted(names)}
        return PlannedWrite(
            claimed.source_id,
            claimed.system,
            claimed.key_digest,
            list(fields),
            [self.desk.field_digest(name, value) for name, value in fields.items()],
            [claimed.winners[name] for name in fields],
            self.desk.seals.seal_fields(claimed.key_digest, fields),
            UUID(new_id()),
        )


async def retry(uow: UnitOfWork, write_back_id: int) -> None:
    """Lets a write wait again that was refused or given up; raises `WriteBackNotFound`.

    One that waits already, or for whose source another waits, is left as it is.
    """
    if not await write_backs.retry(uow.raw, write_back_id, now=uow.now):
        raise WriteBackNotFound
