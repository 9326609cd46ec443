"""How customers' accounts stand, each figure as told last, and how healthy they were week by week."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from engagement.domain.health import Week
from engagement.domain.opportunities import State
from engagement.domain.standings import Figure, Noticed, Sleeper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from engagement.domain.health import HealthPolicy
    from engagement.domain.standings import StandingPolicy, Value

RENEWAL = "renewal_endangered"
FALL = "health_declined"
DORMANT = "dormant_stirred"
FINDS = (RENEWAL, FALL, DORMANT)
"""Rules under which finds about customers are kept."""

WEEKS_KEPT = 26
_COLUMNS = "golden_id, name, number, moment, word, measured_at"
# The later figure stands; of two of the same time the greater one, so that every order ends in the same.
_AGE = "({0}.measured_at, coalesce({0}.number, 0), coalesce({0}.moment, '-infinity'), coalesce({0}.word, ''))"
_UPSERT = f"""
insert into standing_figures as kept ({_COLUMNS})
select distinct on (golden_id, name) {_COLUMNS} from told
order by golden_id, name, measured_at desc, number desc nulls last, moment desc nulls last, word desc nulls last
on conflict (golden_id, name) do update set
  number = excluded.number, moment = excluded.moment, word = excluded.word, measured_at = excluded.measured_at
where {_AGE.format("excluded")} > {_AGE.format("kept")}
"""
# Everything locks a customer's standing before their figures and weeks, so that nobody waits in a circle.
_LOOK = """
insert into standings as s (golden_id, check_at)
select distinct coalesce(a.into_golden_id, t.golden_id), $2::timestamptz from unnest($1::text[]) as t (golden_id)
left join golden_aliases a on a.golden_id = t.golden_id
order by 1
on conflict (golden_id) do update set check_at = least(s.check_at, excluded.check_at)
"""
_KEEP = f"""
with told as (
  select coalesce(a.into_golden_id, t.golden_id) as golden_id, t.name, t.number, t.moment, t.word, t.measured_at
  from unnest($1::text[], $2::text[], $3::int8[], $4::timestamptz[], $5::text[], $6::timestamptz[]) as t ({_COLUMNS})
  left join golden_aliases a on a.golden_id = t.golden_id
)
{_UPSERT}
"""
_MERGE_FIGURES = f"""
with told as (
  delete from standing_figures where golden_id = any($1::text[])
  returning $2::text as golden_id, name, number, moment, word, measured_at
)
{_UPSERT}
"""
_MERGE_WEEKS = """
with told as (
  delete from health_weeks where golden_id = any($1::text[])
  returning golden_id, week_from, score, left_out, policy_version, taken_at
)
insert into health_weeks (golden_id, week_from, score, left_out, policy_version, taken_at)
select distinct on (week_from) $2, week_from, score, left_out, policy_version, taken_at from told
order by week_from, golden_id
on conflict (golden_id, week_from) do nothing
"""
_MERGE_CHECKS = """
with told as (delete from standings where golden_id = any($1::text[]) returning 1)
insert into standings as s (golden_id, check_at) select $2, 'epoch'::timestamptz from told limit 1
on conflict (golden_id) do update set check_at = least(s.check_at, excluded.check_at)
"""
_TAKE = """
select golden_id from standings where check_at <= $1 order by check_at, golden_id limit $2 for update skip locked
"""
_PUT_OFF = """
update standings set check_at = t.check_at from unnest($1::text[], $2::timestamptz[]) as t (golden_id, check_at)
where standings.golden_id = t.golden_id
"""
_FIGURES = f"select {_COLUMNS} from standing_figures where golden_id = any($1::text[]) order by golden_id, name"
_WEEKS = """
select golden_id, week_from, score, left_out from (
  select *, row_number() over (partition by golden_id order by week_from desc) as place
  from health_weeks where golden_id = any($1::text[])
) w where place <= $2 order by golden_id, week_from desc
"""
_KEEP_WEEK = """
insert into health_weeks (golden_id, week_from, score, left_out, policy_version, taken_at)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning 1
"""
_NOTICED = """
select g, coalesce(t.whole, 0), coalesce(t.part, 0), h.heard + r.rivals, r.rivals
from unnest($1::text[]) as g
left join lateral (
  select count(*) as whole, count(*) filter (where closed_at <= opened_at + $4::interval) as part
  from service_records
  where golden_id = g and opened_at between $3::timestamptz and $2::timestamptz
    and (closed_at is not null or opened_at <= $2 - $4::interval)
) t on true
cross join lateral (
  select count(*) as heard from transcripts where golden_id = g and happened_at between $5::timestamptz and $2
) h
cross join lateral (
  select count(distinct coalesce(contact_id, behaviour_id)) as rivals from behaviours
  where golden_id = g and happened_at between $5 and $2 and tag = any($6::text[])
) r
"""
_SLEEPERS = f"""
select v.golden_id, o.moment as last_order_at, v.number as visit_count, l.word as member_level, s.lead_id,
  coalesce(s.owner_id, '') as owner_id
from standing_figures v
join standing_figures o on o.golden_id = v.golden_id and o.name = 'last_order_at'
join standing_figures l on l.golden_id = v.golden_id and l.name = 'member_level'
left join lateral (
  select lead_id, owner_id from opportunities p
  where p.golden_id = v.golden_id and p.opened_at is not null
    and p.state in ({State.OPEN:d}, {State.WON:d}, {State.LOST:d})
  order by p.state = {State.OPEN:d} desc, p.state = {State.WON:d} desc, p.opened_at desc, p.lead_id limit 1
) s on true
where v.name = 'visit_count_30d' and v.golden_id > $1 and v.number >= $2 and v.measured_at >= $3
  and o.moment <= $4 and lower(l.word) = any($5::text[])
order by v.golden_id limit $6
"""


async def keep(raw: asyncpg.Connection, figures: Sequence[Figure], *, now: datetime) -> None:
    """Keeps figures, each unless a later one is known, and lets what follows from them be looked at now."""
    golden_ids = [each.golden_id for each in figures]
    await raw.execute(_LOOK, golden_ids, now)
    await raw.execute(
        _KEEP,
        golden_ids,
        [each.name for each in figures],
        [each.value if isinstance(each.value, int) else None for each in figures],
        [each.value if isinstance(each.value, datetime) else None for each in figures],
        [each.value if isinstance(each.value, str) else None for each in figures],
        [each.measured_at for each in figures],
    )


async def merge(raw: asyncpg.Connection, golden_ids: Sequence[str], into: str) -> None:
    """Makes customers' figures another's: of each the later one, and of weeks that both have the other's."""
    await raw.execute(_MERGE_CHECKS, golden_ids, into)
    await raw.execute(_MERGE_FIGURES, golden_ids, into)
    await raw.execute(_MERGE_WEEKS, golden_ids, into)


async def take(raw: asyncpg.Connection, *, now: datetime, limit: int) -> list[str]:
    """Customers whose standing is to be looked at, which nobody else looks at until the transaction ends."""
    return [row[0] for row in await raw.fetch(_TAKE, now, limit)]


async def put_off(raw: asyncpg.Connection, checks: Mapping[str, datetime]) -> None:
    """Says when each customer's standing is to be looked at next."""
    await raw.execute(_PUT_OFF, list(checks), list(checks.values()))


async def figures(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> dict[str, list[Figure]]:
    """The figures of customers, in the order of their names."""
    found: dict[str, list[Figure]] = defaultdict(list)
    for golden_id, name, *value, measured_at in await raw.fetch(_FIGURES, golden_ids):
        found[golden_id].append(Figure(golden_id, name, _only(value), measured_at))
    return found


async def weeks(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> dict[str, list[Week]]:
    """The newest weeks of customers, newest first, at most `WEEKS_KEPT` of each."""
    found: dict[str, list[Week]] = defaultdict(list)
    for golden_id, week_from, score, left_out in await raw.fetch(_WEEKS, golden_ids, WEEKS_KEPT):
        found[golden_id].append(Week(week_from, score, tuple(left_out)))
    return found


async def keep_week(
    raw: asyncpg.Connection, golden_id: str, week: Week, *, policy_version: int, now: datetime
) -> bool:
    """Keeps the score of a week; False when there is one."""
    kept = await raw.fetchval(
        _KEEP_WEEK, golden_id, week.week_from, week.score, list(week.left_out), policy_version, now
    )
    return kept is not None


async def noticed(
    raw: asyncpg.Connection, golden_ids: Sequence[str], policy: HealthPolicy, *, now: datetime
) -> dict[str, Noticed]:
    """What engagement itself knows of customers: tickets in their time, and words about rivals."""
    rows = await raw.fetch(
        _NOTICED,
        golden_ids,
        now,
        now - policy.tickets_within,
        policy.ticket_closed_within,
        now - policy.rivals_within,
        policy.rival_tags,
    )
    return {golden_id: Noticed(*counts) for golden_id, *counts in rows}


async def sleepers(
    raw: asyncpg.Connection, policy: StandingPolicy, *, after: str, now: datetime, limit: int
) -> list[Sleeper]:
    """Customers who may be woken, with Golden IDs behind `after`; their level as its system calls it."""
    rule = policy.dormant
    rows = await raw.fetch(
        _SLEEPERS,
        after,
        rule.visits_min,
        now - policy.fresh_for,
        now - rule.no_order_for,
        list(rule.levels),
        limit,
    )
    return [Sleeper(**dict(row)) for row in rows]


def _only(value: Sequence[Value | None]) -> Value:
    (known,) = (each for each in value if each is not None)
    return known
