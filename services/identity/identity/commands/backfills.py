"""Bringing in what a system knows already: batch by batch, each once, from where the last one ended."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.events import new_id

from identity.domain.backfills import (
    BATCH_ROWS_MAX,
    REFUSED_KEPT_MAX,
    Backfill,
    BackfillClosed,
    BackfillNotFound,
    Counts,
    MalformedBackfill,
    MalformedRow,
    RowsMissing,
    checked_name,
    checked_system,
    statement,
)
from identity.domain.customers import MatchBasis
from identity.domain.statements import Change
from identity.store import backfills as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from identity.commands.resolving import Resolver
    from identity.domain.backfills import Row
    from identity.domain.statements import Resolved

UNKNOWN_BEFORE = frozenset({MatchBasis.NEW, MatchBasis.NONE})


async def open_backfill(
    uow: UnitOfWork, system: str, name: str, *, total_count: int, actor: str
) -> Backfill:
    """Begins a backfill, or finds the one of the same system and name; raises `MalformedBackfill`."""
    wanted = Backfill(
        UUID(new_id()),
        checked_system(system),
        checked_name(name),
        total_count,
        Counts(),
        uow.now,
        actor,
        None,
        None,
    )
    return await store.open_backfill(uow.raw, wanted)


async def put_rows(
    uow: UnitOfWork,
    resolver: Resolver,
    of: tuple[str, UUID],
    rows: Sequence[Row],
    *,
    first_row: int,
) -> Backfill:
    """Resolves rows of a backfill (its system and id) that are not done yet; what can be no statement is refused.

    Raises `MalformedBackfill` for an empty or too large batch, `BackfillNotFound`, `BackfillClosed`, and `RowsMissing`
    when the batch begins behind what is done.
    """
    if not 1 <= len(rows) <= BATCH_ROWS_MAX or first_row < 1:
        raise MalformedBackfill(f"a batch has 1 to {BATCH_ROWS_MAX} rows, numbered from 1")
    backfill = await _locked(uow, *of)
    if backfill.closed_at is not None:
        raise BackfillClosed
    done = backfill.counts.done
    if first_row > done + 1:
        raise RowsMissing(next_row=done + 1)
    fresh = rows[done + 1 - first_row :]
    return await _resolve(uow, resolver, backfill, fresh) if fresh else backfill


async def close_backfill(uow: UnitOfWork, system: str, backfill_id: UUID) -> Backfill:
    """Lets a backfill of a system take no more rows; raises `BackfillNotFound`."""
    await _locked(uow, system, backfill_id)
    return await store.close(uow.raw, backfill_id, at=uow.now)


async def _locked(uow: UnitOfWork, system: str, backfill_id: UUID) -> Backfill:
    """The backfill; one of another system is none, for who may touch it was decided by the system."""
    backfill = await store.get(uow.raw, backfill_id, is_locked=True)
    if backfill is None or backfill.system != system:
        raise BackfillNotFound
    return backfill


async def _resolve(
    uow: UnitOfWork, resolver: Resolver, backfill: Backfill, rows: Sequence[Row]
) -> Backfill:
    statements, refused = [], {}
    for number, row in enumerate(rows, backfill.counts.done + 1):
        try:
            statements.append(statement(row, backfill.system, now=uow.now))
        except MalformedRow as problem:
            refused[number] = str(problem)
    resolved = await resolver.resolve(uow, statements)
    if refused:
        await store.refuse(uow.raw, backfill.backfill_id, refused, kept_max=REFUSED_KEPT_MAX)
    counts = _counts(resolved, done_count=len(rows), refused_count=len(refused))
    return await store.advance(uow.raw, backfill.backfill_id, counts, at=uow.now)


def _counts(resolved: Sequence[Resolved], *, done_count: int, refused_count: int) -> Counts:
    unchanged = sum(each.change in {Change.UNCHANGED, Change.STALE} for each in resolved)
    new = sum(each.change is Change.NEW and each.basis in UNKNOWN_BEFORE for each in resolved)
    return Counts(done_count, refused_count, new, len(resolved) - new - unchanged, unchanged)
