"""Reps at every version of the roster, what they have to do, and whose turn it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assignment.domain.reps import Rep, RepLoad, Roster
from assignment.domain.routing import Board

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

    from assignment.domain.leads import RepId
    from assignment.domain.routing import Candidates

_MARK = "select version, openings from roster"
_LOCK_ROSTER = "select version from roster for update"
_OPEN_UP = "update roster set openings = openings + 1"
_NEXT_VERSION = "update roster set version = version + 1, openings = openings + 1 returning version"
_REP_COLUMNS = "rep_id, manager_id, provinces, cities, industries, capacity, weight, active"
_REPS_AT = f"""
select {_REP_COLUMNS} from reps where since_version <= $1 and (until_version is null or until_version > $1)
"""
_CURRENT = f"select {_REP_COLUMNS} from reps where until_version is null"
_LOADED = f"""
select {_REP_COLUMNS}, open_count, assigned_count from reps join loads using (rep_id)
where until_version is null order by rep_id collate "C"
"""
_LOCK_LOADS = """
select rep_id, open_count from loads where rep_id = any($1::text[]) order by rep_id for update
"""
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
update loads set open_count = open_count + opened, assigned_count = assigned_count + given
from unnest($1::text[], $2::int4[], $3::int4[]) as t (rep_id, opened, given)
where loads.rep_id = t.rep_id
"""
_END_REPS = (
    "update reps set until_version = $2 where rep_id = any($1::text[]) and until_version is null"
)
# Names hold no line breaks (they are one place or industry each), so a list of them fits one text.
_ADD_REPS = """
insert into reps (rep_id, manager_id, provinces, cities, industries, capacity, weight, active, since_version)
select rep_id, manager_id, string_to_array(provinces, e'\\n'), string_to_array(cities, e'\\n'),
  string_to_array(industries, e'\\n'), capacity, weight, active, $9
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::int4[], $8::bool[])
  as t (rep_id, manager_id, provinces, cities, industries, capacity, weight, active)
"""
_ADD_LOADS = """
insert into loads (rep_id, open_count, assigned_count)
select rep_id, 0, 0 from unnest($1::text[]) as rep_id order by rep_id on conflict do nothing
"""
_LEAVE_ROTATIONS = "delete from rotations where rep_id = any($1::text[])"


async def roster_mark(raw: asyncpg.Connection) -> tuple[int, int]:
    """The version of the roster in force, and the count of openings."""
    version, openings = await raw.fetchrow(_MARK)
    return version, openings


async def open_up(raw: asyncpg.Connection) -> None:
    """Takes note that leads which wait may find an owner now."""
    await raw.execute(_OPEN_UP)


async def roster_at(raw: asyncpg.Connection, version: int) -> Roster:
    """The roster as it was at a version."""
    return Roster.of(version, [_rep(row) for row in await raw.fetch(_REPS_AT, version)])


async def list_loads(raw: asyncpg.Connection) -> list[RepLoad]:
    """Every rep with what they have to do, by rep id."""
    rows = await raw.fetch(_LOADED)
    return [RepLoad(_rep(row), row["open_count"], row["assigned_count"]) for row in rows]


async def lock_roster(raw: asyncpg.Connection, described: Sequence[RepId]) -> dict[RepId, Rep]:
    """The reps of today, which nobody else changes until the transaction ends; holds the loads of those described."""
    await raw.fetch(_LOCK_LOADS, described)
    await raw.execute(_LOCK_ROSTER)
    return {row["rep_id"]: _rep(row) for row in await raw.fetch(_CURRENT)}


async def put_reps(raw: asyncpg.Connection, reps: Sequence[Rep]) -> None:
    """Writes reps that are new or have changed as the next version of a locked roster."""
    version = await raw.fetchval(_NEXT_VERSION)
    rep_ids = [rep.rep_id for rep in reps]
    await raw.execute(_END_REPS, rep_ids, version)
    await raw.execute(
        _ADD_REPS,
        rep_ids,
        [rep.manager_id for rep in reps],
        [_lines(rep.provinces) for rep in reps],
        [_lines(rep.cities) for rep in reps],
        [_lines(rep.industries) for rep in reps],
        [rep.capacity for rep in reps],
        [rep.weight for rep in reps],
        [rep.active for rep in reps],
        version,
    )
    await raw.execute(_ADD_LOADS, rep_ids)


async def leave_rotations(raw: asyncpg.Connection, rep_ids: Sequence[RepId]) -> None:
    """Forgets the turns that reps with locked loads have had; they join each rule anew."""
    await raw.execute(_LEAVE_ROTATIONS, rep_ids)


async def lock_board(
    raw: asyncpg.Connection, candidates: Iterable[Candidates], *, owners: Iterable[RepId] = ()
) -> Board:
    """The board for decisions among these candidates; `owners` are reps from whom leads may be taken.

    The loads are locked first: what is read after it is what the last decision about these reps has left.
    """
    pairs = {(c.rule.rule_id, rep.rep_id) for c in set(candidates) for rep in c.eligible}
    rep_ids = {rep_id for _, rep_id in pairs}.union(owners)
    loads = await raw.fetch(_LOCK_LOADS, list(rep_ids))
    turns = await raw.fetch(_TURNS, [rule for rule, _ in pairs], [rep for _, rep in pairs])
    return Board(turns, loads)


async def save_board(raw: asyncpg.Connection, board: Board) -> None:
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
    )


def _lines(names: frozenset[str]) -> str:
    return "\n".join(sorted(names))


def _rep(row: Any) -> Rep:
    return Rep(
        rep_id=row["rep_id"],
        manager_id=row["manager_id"],
        provinces=frozenset(row["provinces"]),
        cities=frozenset(row["cities"]),
        industries=frozenset(row["industries"]),
        capacity=row["capacity"],
        weight=row["weight"],
        active=row["active"],
    )
