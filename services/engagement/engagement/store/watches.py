"""What is watched: signed contracts, offers, reps, tickets; and what was found, each once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from engagement.domain.money import ContractState
from engagement.domain.opportunities import Opportunity, State
from engagement.domain.watches import Idle, ServiceRecord, Signed, Unanswered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.watches import QuoteRule, SplitRule

SPLIT = "split_orders"
UNANSWERED = "unanswered_quotes"
IDLE = "idle_rep"
TROUBLE = "service_trouble"
COMPENSATED = "customer_compensated"

# Of contracts that are a deal's, the deal says whose they are: its customer may be another since they merged.
_SIGNED = f"""
select t.golden_id, t.contract_id, t.lead_id, t.reported_at, s.amount_minor
from (
  select *, count(*) over (partition by golden_id) as count
  from (
    select c.contract_id, c.lead_id, c.reported_at, coalesce(o.golden_id, c.golden_id) as golden_id
    from contracts c left join opportunities o on o.lead_id = c.lead_id
    where c.state = {ContractState.SIGNED:d} and c.reported_at >= $1
  ) signed
  where golden_id <> '' and ($3::text = '' or golden_id = $3)
) t
left join stages s on s.lead_id = t.lead_id and s.currency = $2
where t.count >= $4
"""
_FIND = """
insert into watch_finds (rule, stretch, subject, since_at, until_at, found_at) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing returning 1
"""
_FOUND_BETWEEN = """
select exists (
  select from watch_finds where rule = $1 and subject = $2 and until_at >= $3 and since_at <= $4
)
"""
# A call that nobody took and a chat in which the customer wrote nothing are no answer; nor is what proves the offer.
_ANSWERED = """
  select from contacts c
  where c.golden_id = o.golden_id and c.happened_at > {since}
    and coalesce(c.seconds, c.message_count, 1) > 0
    and (c.follow_up_id is null or c.follow_up_id <> all (run.ids))
"""
_TAKE_OFFERS = """
update follow_ups set is_answer_checked = true
where follow_up_id in (
  select follow_up_id from follow_ups
  where response = $1 and not is_answer_checked and recorded_at > $2 and recorded_at <= $3
  order by recorded_at limit $4 for update skip locked
)
returning lead_id
"""
_UNANSWERED = f"""
select o.lead_id, o.golden_id, coalesce(o.owner_id, '') as owner_id, run.first_id, run.since, run.until
from opportunities o
cross join lateral (
  select array_agg(follow_up_id) as ids, (array_agg(follow_up_id order by recorded_at, follow_up_id))[1] as first_id,
    min(recorded_at) as since, max(recorded_at) as until, count(*) as count, bool_and(response = $2) as is_run
  from (
    select follow_up_id, recorded_at, response from follow_ups n where n.lead_id = o.lead_id
    order by n.recorded_at desc, n.follow_up_id desc limit $3
  ) newest
) run
where o.lead_id = any($1::uuid[]) and o.state = {State.OPEN:d} and o.opened_at is not null
  and run.is_run and run.count = $3 and run.until <= $4
  and not exists ({_ANSWERED.format(since="run.since")})
  and not exists (
    select from watch_finds w where w.rule = '{UNANSWERED}' and w.subject = o.lead_id::text
      and not exists ({_ANSWERED.format(since="w.until_at")} and c.happened_at <= run.since)
  )
order by run.until, o.lead_id
"""
_IDLE = f"""
select w.owner_id, greatest(w.since, l.recorded_at), w.open_count,
  w.owner_id || '/' || coalesce(l.follow_up_id::text, '')
from (
  select owner_id, min(opened_at) as since, count(*) as open_count from opportunities
  where state = {State.OPEN:d} and opened_at is not null and owner_id is not null group by owner_id
) w
left join lateral (
  select follow_up_id, recorded_at from follow_ups where author_id = w.owner_id
  order by recorded_at desc, follow_up_id desc limit 1
) l on true
where greatest(w.since, l.recorded_at) <= $1
  and not exists (
    select from watch_finds f
    where f.rule = '{IDLE}' and f.stretch = w.owner_id || '/' || coalesce(l.follow_up_id::text, '')
  )
order by 2, 1 limit $2
"""
_RECORD_COLUMNS = """
  record_id, ticket_no, channel, golden_id, reference, type, priority, status, opened_at, closed_at, told_at,
  compensation_minor, compensation_currency
"""
# A system's newest word stands.
_KEEP_RECORD = f"""
insert into service_records as kept ({_RECORD_COLUMNS})
select $1, $2, $3, coalesce((select into_golden_id from golden_aliases where golden_id = $4), $4),
  $5, $6, $7, $8, $9, $10, $11, $12, $13
on conflict (record_id) do update set
  golden_id = coalesce(nullif(kept.golden_id, ''), excluded.golden_id),
  reference = coalesce(nullif(kept.reference, ''), excluded.reference),
  type = case when excluded.told_at >= kept.told_at then excluded.type else kept.type end,
  priority = case when excluded.told_at >= kept.told_at then excluded.priority else kept.priority end,
  status = case when excluded.told_at >= kept.told_at then excluded.status else kept.status end,
  opened_at = least(kept.opened_at, excluded.opened_at),
  closed_at = case when excluded.told_at >= kept.told_at then excluded.closed_at else kept.closed_at end,
  compensation_minor = case when excluded.compensation_minor is not null
    and (excluded.told_at >= kept.told_at or kept.compensation_minor is null)
    then excluded.compensation_minor else kept.compensation_minor end,
  compensation_currency = case when excluded.compensation_minor is not null
    and (excluded.told_at >= kept.told_at or kept.compensation_minor is null)
    then excluded.compensation_currency else kept.compensation_currency end,
  told_at = greatest(kept.told_at, excluded.told_at)
returning {_RECORD_COLUMNS}
"""
_RECORDS = f"""
select {_RECORD_COLUMNS} from service_records where golden_id = $1 order by opened_at desc, record_id limit $2
"""
_GIVE_RECORD = "update service_records set golden_id = $2 where record_id = $1"
_SOLD_TO = f"""
select lead_id, serial, golden_id, state, owner_id, channel, received_at, opened_at, contacted_at, into_lead_id
from opportunities
where golden_id = $1 and opened_at is not null and state in ({State.OPEN:d}, {State.WON:d}, {State.LOST:d})
order by state = {State.OPEN:d} desc, state = {State.WON:d} desc, opened_at desc, lead_id limit 1
"""


async def signed(
    raw: asyncpg.Connection, rule: SplitRule, *, since: datetime, golden_id: str = ""
) -> dict[str, list[Signed]]:
    """Signed contracts reported since a time, by customer, of one or of all: those who have enough of them."""
    found: dict[str, list[Signed]] = defaultdict(list)
    for customer, *contract in await raw.fetch(
        _SIGNED, since, rule.currency, golden_id, rule.contracts_min
    ):
        found[customer].append(Signed(*contract))
    return found


async def find(
    raw: asyncpg.Connection,
    rule: str,
    stretch: str,
    subject: str,
    *,
    span: tuple[datetime, datetime],
    now: datetime,
) -> bool:
    """Takes note of a find; False when it was found before, whoever found it."""
    return await raw.fetchval(_FIND, rule, stretch, subject, *span, now) is not None


async def was_found(
    raw: asyncpg.Connection, rule: str, subject: str, *, span: tuple[datetime, datetime]
) -> bool:
    """Whether a rule found something about a subject in any part of a span."""
    found: bool = await raw.fetchval(_FOUND_BETWEEN, rule, subject, *span)
    return found


async def take_offers(
    raw: asyncpg.Connection, rule: QuoteRule, *, since: datetime, now: datetime, limit: int
) -> list[UUID]:
    """Leads of offers that had their time to be answered, each once for an offer; those of before `since` never."""
    rows = await raw.fetch(_TAKE_OFFERS, rule.response, since, now - rule.wait, limit)
    return [row[0] for row in rows]


async def unanswered(
    raw: asyncpg.Connection, rule: QuoteRule, lead_ids: Sequence[UUID], *, now: datetime
) -> list[Unanswered]:
    """Those of the opportunities that are open and whose newest follow-ups all made an offer, without answer.

    What was found before is not found again until the customer answers.
    """
    until = now - rule.wait
    rows = await raw.fetch(_UNANSWERED, lead_ids, rule.response, rule.in_a_row, until)
    return [Unanswered(*row) for row in rows]


async def idle(raw: asyncpg.Connection, *, until: datetime, limit: int) -> list[Idle]:
    """Reps with open opportunities who recorded nothing since before a time, and were not found since."""
    return [Idle(*row) for row in await raw.fetch(_IDLE, until, limit)]


async def keep_record(raw: asyncpg.Connection, record: ServiceRecord) -> ServiceRecord:
    """Keeps what a system told of a ticket; returns all that is known of it."""
    row = await raw.fetchrow(
        _KEEP_RECORD,
        record.record_id,
        record.ticket_no,
        record.channel,
        record.golden_id,
        record.reference,
        record.type,
        record.priority,
        record.status,
        record.opened_at,
        record.closed_at,
        record.told_at,
        record.compensation_minor,
        record.compensation_currency,
    )
    return ServiceRecord(**dict(row))


async def give_record(raw: asyncpg.Connection, record_id: UUID, golden_id: str) -> None:
    """Makes a ticket a customer's."""
    await raw.execute(_GIVE_RECORD, record_id, golden_id)


async def newest_records(
    raw: asyncpg.Connection, golden_id: str, limit: int
) -> Sequence[ServiceRecord]:
    """A customer's newest tickets."""
    return [ServiceRecord(**dict(row)) for row in await raw.fetch(_RECORDS, golden_id, limit)]


async def sold_to(raw: asyncpg.Connection, golden_id: str) -> Opportunity | None:
    """The opportunity of a customer by which it is known who looks after them: an open one, or else the newest won."""
    row = await raw.fetchrow(_SOLD_TO, golden_id)
    return None if row is None else Opportunity(**{**dict(row), "state": State(row["state"])})
