"""Takes in what other systems say of their rows: reads it by their field maps and resolves whose it is.

A row that only repeats what we wrote to its system is no change: it would win over later ones by the time at which we
wrote. It confirms the write instead, and keeps the time at which somebody last changed the row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from identity.domain.arbitration import comparable, is_echo
from identity.domain.crosswalk import ReadRow, SourceRow, read
from identity.domain.freshness import lag_bucket
from identity.domain.statements import Statement
from identity.domain.write_backs import WriteBackState
from identity.store import comparisons, system_rows, systems, write_backs
from identity.store.system_rows import Failure, KeptRow
from identity.store.systems import Heard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from servicekit.database import UnitOfWork
    from servicekit.sealing import KeyRing

    from identity.commands.resolving import Resolver
    from identity.domain.systems import Systems
    from identity.domain.write_backs import KnownWrite
    from identity.seals import Digests, Seals
    from identity.store.system_rows import KnownSource

OURSELVES = "leadchain"
"""Who changed a row that says what we wrote to it."""

ECHO_AFTER = timedelta(days=7)
"""A change feed that is later than this with our own writes is not recognised, and costs one needless round."""

REPLAYED_AT_ONCE = 200
_CONTEXT = b"system_rows/"

Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Desk:
    """What reading rows needs: keys, the systems as they are known, and who resolves."""

    ring: KeyRing
    seals: Seals
    digests: Digests
    systems: Systems
    resolver: Resolver

    def key(self, source: SourceRow) -> Key:
        """The system and the keyed digest under which a row is kept."""
        return source.system, self.digests.of_source(source.system, source.key)

    def field_digest(self, field: str, value: str) -> bytes:
        """By what a value that we wrote is known again, however it is spelled."""
        return self.digests.hasher.digest(f"written/{field}/{comparable(field, value)}".encode())

    def seal_row(self, row: Mapping[str, object], key_digest: bytes) -> bytes:
        """A row in its system's own terms, for its source only."""
        return self.ring.seal(msgspec.json.encode(row), _CONTEXT + key_digest)

    def open_row(self, kept: KeptRow) -> SourceRow:
        """A row as it was received last."""
        row = msgspec.json.decode(self.ring.open(kept.sealed_row, _CONTEXT + kept.key_digest))
        key = self.seals.open_key(kept.key_digest, kept.sealed_key)
        return SourceRow(
            kept.system,
            kept.entity,
            key.removeprefix(f"{kept.entity}/"),
            row,
            kept.modified_at,
            kept.received_at,
            kept.is_deleted,
        )


async def take_in(uow: UnitOfWork, sources: Sequence[SourceRow], desk: Desk) -> None:
    """Takes in rows as they come from the bus or a connector, at most 2,000, in the order of their systems' clocks.

    Raises what `Resolver.resolve` does.
    """
    rows = [(desk.key(each), read(each, desk.systems)) for each in sources]
    await _read(uow, sorted(rows, key=lambda each: _when(each[1])), desk)
    await _hear(uow, sources)


async def replay(uow: UnitOfWork, system: str, desk: Desk, *, after: bytes) -> tuple[int, bytes]:
    """Reads rows again that could not be read wholly, behind a digest; returns how many, and the last digest.

    They are as old as they were: a replay is no sign of life of the system.
    """
    kept = await system_rows.failed_rows(uow.raw, system, after=after, limit=REPLAYED_AT_ONCE)
    sources = [desk.open_row(each) for each in kept]
    if sources:
        await _read(uow, [(desk.key(each), read(each, desk.systems)) for each in sources], desk)
    return len(kept), kept[-1].key_digest if kept else after


async def _read(uow: UnitOfWork, rows: Sequence[tuple[Key, ReadRow]], desk: Desk) -> None:
    latest = _latest(rows)
    kept = [_kept(key, row, desk) for key, row in sorted(latest.items(), key=_by_key)]
    await system_rows.keep(uow.raw, kept)
    known = await system_rows.known_sources(uow.raw, sorted(latest))
    written = await _written(uow, known)
    statements, echoed = [], []
    for key, row in rows:
        if row.problem:
            continue
        source = known.get(key)
        writes = written.get(source.source_id, ()) if source else ()
        if source is not None and writes and _is_echo(row, key, source, writes, desk):
            await _confirm(uow, [each for each in writes if _says(row, each, desk)])
            received_at = max(uow.now, source.received_at)
            statements.append(_statement(row, source.modified_at, received_at, OURSELVES))
            echoed.append(source.source_id)
        else:
            at = row.source.modified_at
            statements.append(_statement(row, at, row.source.received_at, row.mapped.actor))
    if statements:
        await desk.resolver.resolve(uow, statements)
    if echoed:
        await comparisons.verify(uow.raw, echoed, now=uow.now)
    await _note(uow, rows, latest)


async def _written(
    uow: UnitOfWork, known: Mapping[Key, KnownSource]
) -> Mapping[int, Sequence[KnownWrite]]:
    """What we wrote lately to these sources, or are writing."""
    if not known:
        return {}
    source_ids = [each.source_id for each in known.values()]
    return await write_backs.recent_writes(uow.raw, source_ids, since=uow.now - ECHO_AFTER)


async def _note(
    uow: UnitOfWork, rows: Sequence[tuple[Key, ReadRow]], latest: Mapping[Key, ReadRow]
) -> None:
    """Keeps what could not be read, and what nobody reads."""
    await system_rows.note_failures(uow.raw, list(latest), _failures(latest), now=uow.now)
    unmapped = Counter(
        (row.source.system, row.source.entity, field[:100])
        for _, row in rows
        for field in row.mapped.unknown
    )
    if unmapped:
        await system_rows.count_unmapped(uow.raw, unmapped, now=uow.now)


def _is_echo(
    row: ReadRow, key: Key, source: KnownSource, writes: Sequence[KnownWrite], desk: Desk
) -> bool:
    entity = desk.systems.entity_map(row.source.system, row.source.entity)
    if row.source.is_deleted or entity is None:
        return False
    # The last value that we wrote to a field is ours; an earlier one that comes again is somebody's change.
    ours = {name: digest for write in writes for name, digest in write.digests.items()}
    return is_echo(
        row.mapped.fields,
        desk.seals.open_fields(key[1], source.sealed_fields),
        lambda field, value: ours.get(field) == desk.field_digest(field, value),
        {rule.to for rule in entity.fields.values()},
    )


def _says(row: ReadRow, write: KnownWrite, desk: Desk) -> bool:
    """Whether a row has everything that a write was to bring; one that left before the write came has not."""
    fields = row.mapped.fields
    return all(
        name in fields and desk.field_digest(name, fields[name]) == digest
        for name, digest in write.digests.items()
    )


async def _confirm(uow: UnitOfWork, writes: Sequence[KnownWrite]) -> None:
    """Settles writes that are under way: the system itself says that it took them."""
    for write in writes:
        if write.state is WriteBackState.WRITING and await write_backs.take(
            uow.raw, write.write_back_id
        ):
            await write_backs.settle(
                uow.raw,
                write.write_back_id,
                WriteBackState.WRITTEN,
                reason="",
                attempt_count=0,
                now=uow.now,
            )


def _statement(row: ReadRow, modified_at: datetime, received_at: datetime, actor: str) -> Statement:
    source = row.source
    return Statement(
        system=source.system,
        source_key=source.key,
        fields={} if source.is_deleted else row.mapped.fields,
        modified_at=modified_at,
        received_at=received_at,
        actor=actor or source.system,
        is_deleted=source.is_deleted,
    )


def _latest(rows: Sequence[tuple[Key, ReadRow]]) -> dict[Key, ReadRow]:
    latest: dict[Key, ReadRow] = {}
    for key, row in rows:
        held = latest.get(key)
        if held is None or _when(held) <= _when(row):
            latest[key] = row
    return latest


def _when(row: ReadRow) -> tuple[datetime, datetime]:
    return row.source.modified_at, row.source.received_at


def _by_key(item: tuple[Key, ReadRow]) -> Key:
    return item[0]


def _kept(key: Key, row: ReadRow, desk: Desk) -> KeptRow:
    source, (system, digest) = row.source, key
    return KeptRow(
        system=system,
        key_digest=digest,
        entity=source.entity,
        sealed_key=desk.seals.seal_key(digest, source.key),
        sealed_row=desk.seal_row(source.row or {}, digest),
        version=row.mapped.version,
        map_version=row.map_version,
        problem=row.problem,
        is_deleted=source.is_deleted,
        modified_at=source.modified_at,
        received_at=source.received_at,
    )


def _failures(latest: Mapping[Key, ReadRow]) -> list[Failure]:
    return [
        Failure(key[0], row.source.entity, key[1], misfit.field[:100], misfit.reason)
        for key, row in sorted(latest.items(), key=_by_key)
        if not row.source.is_deleted
        for misfit in row.mapped.misfits
    ]


async def _hear(uow: UnitOfWork, sources: Sequence[SourceRow]) -> None:
    """Keeps how late the facts of known systems are; last of all, for every batch of a system writes the same rows."""
    heard: dict[str, Heard] = {}
    lags: Counter[tuple[str, datetime, int]] = Counter()
    for each in sources:
        lag_s = (each.received_at - each.modified_at).total_seconds()
        hour = each.received_at.replace(minute=0, second=0, microsecond=0)
        lags[each.system, hour, lag_bucket(lag_s)] += 1
        before = heard.get(each.system)
        watermark = max(each.modified_at, before.watermark) if before else each.modified_at
        if before is None or before.last_fact_at <= each.received_at:
            heard[each.system] = Heard(watermark, each.received_at, max(0.0, lag_s))
        else:
            heard[each.system] = Heard(watermark, before.last_fact_at, before.last_lag_s)
    if heard:
        await systems.hear(uow.raw, heard, lags)
