"""Whose turn it is, who has how much to do, and who is there: what decisions lock, read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assignment.domain.board import Board
from assignment.domain.presence import AWAY_S, NEVER_SEEN_S, Presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import asyncpg

    from assignment.domain.candidates import Path
    from assignment.domain.leads import RepId

_LOCK_LOADS = """
select rep_id, open_count, seen_at, is_away, last_given_at from loads where rep_id = any($1::text[])
order by rep_id for update
"""
_LOCK_EVERY_LOAD = "select from loads order by rep_id for update"
_TURNS = """
select rule_id, rep_id, served
from unnest($1::text[], $2::text[]) as asked (rule_id, rep_id) join rotations using (rule_id, rep_id)
"""
_MOVE = """
insert into rotations (rule_id, rep_id, served)
select * from unnest($1::text[], $2::text[], $3::int8[])
on conflict (rule_id, rep_id) do update set served = excluded.served
"""
_LOAD = """
update loads set open_count = open_count + opened, assigned_count = assigned_count + given,
  last_given_at = case when given > 0 then $4 else last_given_at end
from unnest($1::text[], $2::int4[], $3::int4[]) as t (rep_id, opened, given)
where loads.rep_id = t.rep_id
"""
_SEEN = """
update loads set seen_at = $2, is_away = $3 where rep_id = $1
"""
_LEAVE_ROTATIONS = "delete from rotations where rep_id = any($1::text[])"
_EMPTY_ROTATIONS = "delete from rotations where rule_id = any($1::text[])"


async def lock_board(
    raw: asyncpg.Connection,
    paths: Iterable[Path],
    *,
    now: datetime,
    owners: Iterable[RepId] = (),
) -> Board:
    """The board for decisions about these leads; `owners` are reps from whom leads may be taken.

    The loads are locked first: what is read after it is what the last decision about these reps has left.
    """
    candidates = {step for path in paths for step in path.steps}
    pairs = {(c.rule.rule_id, rep.rep_id) for c in candidates for rep in c.eligible}
    rep_ids = {rep_id for _, rep_id in pairs}.union(owners)
    loads = await raw.fetch(_LOCK_LOADS, list(rep_ids))
    turns = await raw.fetch(_TURNS, [rule for rule, _ in pairs], [rep for _, rep in pairs])
    presence = {row["rep_id"]: _presence(row, now) for row in loads}
    return Board(turns, [(row["rep_id"], row["open_count"]) for row in loads], presence)


async def save_board(raw: asyncpg.Connection, board: Board, *, now: datetime) -> None:
    """Writes what decisions have changed on a locked board."""
    moved = sorted(board.moved)
    await raw.execute(
        _MOVE,
        [rule_id for rule_id, _ in moved],
        [rep_id for _, rep_id in moved],
        [board.turns_of(rule_id)[rep_id] for rule_id, rep_id in moved],
    )
    changed = sorted(board.opened)
    await raw.execute(
        _LOAD,
        changed,
        [board.opened[rep_id] for rep_id in changed],
        [board.given.get(rep_id, 0) for rep_id in changed],
        now,
    )


async def lock_presence(raw: asyncpg.Connection, rep_id: RepId, now: datetime) -> Presence | None:
    """Whether a rep is there, which nobody else changes until the transaction ends; None for an unknown rep."""
    row = await raw.fetchrow(_LOCK_LOADS, [rep_id])
    return None if row is None else _presence(row, now)


async def keep_presence(
    raw: asyncpg.Connection, rep_id: RepId, seen_at: datetime, *, is_away: bool
) -> None:
    """Takes note of a locked rep's sign."""
    await raw.execute(_SEEN, rep_id, seen_at, is_away)


async def lock_loads(raw: asyncpg.Connection, rep_ids: Sequence[RepId]) -> None:
    """Keeps decisions about these reps away until the transaction ends."""
    await raw.fetch(_LOCK_LOADS, rep_ids)


async def lock_every_load(raw: asyncpg.Connection) -> None:
    """Keeps every decision away until the transaction ends."""
    await raw.fetch(_LOCK_EVERY_LOAD)


async def leave_rotations(raw: asyncpg.Connection, rep_ids: Sequence[RepId]) -> None:
    """Forgets the turns that reps with locked loads have had; they join each rule anew."""
    await raw.execute(_LEAVE_ROTATIONS, rep_ids)


async def empty_rotations(raw: asyncpg.Connection, rule_ids: Sequence[str]) -> None:
    """Forgets all turns of rules, while every load is locked; everybody starts level."""
    await raw.execute(_EMPTY_ROTATIONS, rule_ids)


def _presence(row: Any, now: datetime) -> Presence:
    given_at = row["last_given_at"]
    idle_s = float("inf") if given_at is None else max(0.0, (now - given_at).total_seconds())
    if row["is_away"]:
        return Presence(AWAY_S, idle_s)
    if row["seen_at"] is None:
        return Presence(NEVER_SEEN_S, idle_s)
    unseen_s = int(max(0.0, (now - row["seen_at"]).total_seconds()))
    return Presence(min(unseen_s, AWAY_S - 1), idle_s)
