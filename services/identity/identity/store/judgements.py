"""What persons said about pairs of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.judgements import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg

    from identity.domain.judgements import Pair, Said

_COLUMNS = (
    "judgement_id, a, b, verdict, actor, reason, made_at, revoked_at, coalesce(revoked_by, '')"
)
_STANDING = f"""
select {_COLUMNS} from judgements
where revoked_at is null and (a = any($1) or b = any($1)) order by judgement_id
"""
_ONE = f"select {_COLUMNS} from judgements where judgement_id = $1"
_PAGE = f"""
select {_COLUMNS} from judgements
where judgement_id < $1 and ($2 or revoked_at is null) order by judgement_id desc limit $3
"""
_PAGE_OF_RECORDS = f"""
select {_COLUMNS} from judgements
where judgement_id < $1 and ($2 or revoked_at is null) and (a = any($4) or b = any($4))
order by judgement_id desc limit $3
"""
_MAKE = """
insert into judgements (a, b, verdict, actor, reason, made_at)
select a, b, $3, $4, $5, $6 from unnest($1::bigint[], $2::bigint[]) as said (a, b) order by a, b
on conflict (a, b) where revoked_at is null do nothing
returning judgement_id
"""
_REVOKE = """
update judgements set revoked_at = $2, revoked_by = $3
where judgement_id = any($1) and revoked_at is null
"""


async def standing(raw: asyncpg.Connection, record_ids: Collection[int]) -> list[Judgement]:
    """Judgements in force with at least one of these records, oldest first."""
    return [_judgement(row) for row in await raw.fetch(_STANDING, list(record_ids))]


async def judgement(raw: asyncpg.Connection, judgement_id: int) -> Judgement | None:
    """One judgement, in force or revoked."""
    row = await raw.fetchrow(_ONE, judgement_id)
    return None if row is None else _judgement(row)


async def page(
    raw: asyncpg.Connection,
    record_ids: Collection[int] | None,
    *,
    include_revoked: bool,
    before_id: int,
    limit: int,
) -> list[Judgement]:
    """Judgements made before one, newest first; of these records, or of all when None."""
    if record_ids is None:
        rows = await raw.fetch(_PAGE, before_id, include_revoked, limit)
    else:
        rows = await raw.fetch(
            _PAGE_OF_RECORDS, before_id, include_revoked, limit, list(record_ids)
        )
    return [_judgement(row) for row in rows]


async def make(
    raw: asyncpg.Connection, verdict: Verdict, pairs: Collection[Pair], said: Said
) -> list[int]:
    """Judges pairs on which nothing stands; returns the ids of the judgements."""
    if not pairs:
        return []
    ordered = sorted(pairs)
    rows = await raw.fetch(
        _MAKE,
        [a for a, _ in ordered],
        [b for _, b in ordered],
        verdict,
        said.actor,
        said.reason,
        said.at,
    )
    return [judgement_id for (judgement_id,) in rows]


async def revoke(raw: asyncpg.Connection, judgement_ids: Collection[int], said: Said) -> None:
    """Ends judgements."""
    if judgement_ids:
        await raw.execute(_REVOKE, sorted(judgement_ids), said.at, said.actor)


def _judgement(row: Sequence[object]) -> Judgement:
    judgement_id, a, b, verdict, *rest = row
    return Judgement(judgement_id, a, b, Verdict(verdict), *rest)  # type: ignore[arg-type]
