"""What persons said about pairs of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from identity.domain.judgements import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import asyncpg

    from identity.domain.judgements import Pair, Said

COLUMNS = (
    "judgement_id, a, b, verdict, actor, reason, made_at, revoked_at, coalesce(revoked_by, '')"
)
_STANDING = f"""
select {COLUMNS} from judgements
where revoked_at is null and (a = any($1) or b = any($1)) order by judgement_id
"""
_ONE = f"select {COLUMNS} from judgements where judgement_id = $1"
_PAGE = f"""
select {COLUMNS} from judgements
where judgement_id < $1 and ($2 or revoked_at is null) order by judgement_id desc limit $3
"""
_PAGE_OF_RECORDS = f"""
select {COLUMNS} from judgements
where judgement_id < $1 and ($2 or revoked_at is null) and (a = any($4) or b = any($4))
order by judgement_id desc limit $3
"""
# Nothing is made before all that goes is revoked: of each pair one word stands. A link is opened or closed in one go,
# for a row is written once in a statement.
_SAY = """
with revoked as (
  update judgements set revoked_at = $2, revoked_by = $3
  where judgement_id = any((select $1::bigint[])::bigint[]) and revoked_at is null returning judgement_id
), made as (
  insert into judgements (a, b, verdict, actor, reason, made_at)
  select a, b, verdict, $3, $4, $2 from unnest($5::bigint[], $6::bigint[], $7::smallint[]) with ordinality
    as said (a, b, verdict, place)
  where (select count(*) from revoked) is not null order by place
  on conflict (a, b) where revoked_at is null do nothing
  returning judgement_id
), asked as (
  update links l set decided_at = case when q.is_answered then $2 end
  from unnest($8::bigint[], $9::bigint[], $10::bool[], $11::bool[]) as q (a, b, is_answered, is_open)
  where l.a = q.a and l.b = q.b and (
    (q.is_answered and l.decided_at is null) or (q.is_open and l.outcome = 2 and l.decided_at is not null)
  )
), suspected as (
  update suspicions w set decided_at = $2 from unnest($5::bigint[], $6::bigint[]) as said (a, b)
  where w.a = said.a and w.b = said.b and w.decided_at is null
)
select judgement_id from made
"""


class Words(NamedTuple):
    """Pairs to judge, and judgements to revoke."""

    musts: Collection[Pair]
    barred: Collection[Pair]
    revoked: Collection[Judgement]


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


async def say(raw: asyncpg.Connection, words: Words, said: Said) -> list[int]:
    """Ends judgements, then judges pairs on which nothing stands; returns the ids of those, the musts' first.

    Pairs that are judged wait for a person no more; uncertain ones of which nothing is said any more wait again.
    """
    made = [(*pair, Verdict.MUST) for pair in sorted(words.musts)]
    made += [(*pair, Verdict.NEVER) for pair in sorted(words.barred)]
    answered = {(a, b) for a, b, _ in made}
    reopened = {each.pair for each in words.revoked}
    asked = [(*pair, pair in answered, pair in reopened) for pair in sorted(answered | reopened)]
    if not asked:
        return []
    rows = await raw.fetch(
        _SAY,
        [each.judgement_id for each in words.revoked],
        said.at,
        said.actor,
        said.reason,
        *_columns(made, 3),
        *_columns(asked, 4),
    )
    return [judgement_id for (judgement_id,) in rows]


def in_order(rows: Iterable[Sequence[object]]) -> list[Judgement]:
    """Judgements from rows of `COLUMNS`, oldest first."""
    return sorted(map(_judgement, rows), key=lambda each: each.judgement_id)


def _judgement(row: Sequence[object]) -> Judgement:
    judgement_id, a, b, verdict, *rest = row
    return Judgement(judgement_id, a, b, Verdict(verdict), *rest)  # type: ignore[arg-type]


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[Sequence[Any]]:
    """Rows as columns, so many also when there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * count
