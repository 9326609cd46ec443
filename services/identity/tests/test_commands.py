"""Identifying leads on a real database."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from identity.commands.identifying import identify_leads, withdraw_leads
from identity.commands.resolving import Resolver
from identity.domain.customers import CustomerNotFound, LeadId, LeadNotIdentified, MatchBasis
from identity.queries import customers as queries
from identity.store import customers as store
from identity.wire.leads import LeadReader
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1.events_pb2 import LeadReceived
from servicekit.database import Database
from servicekit.events import new_id

Received = Callable[..., LeadReceived]
USCC, OTHER_USCC = "91440300MA5EXAMP1F", "91110108551385082Q"
TABLES = (
    "aliases",
    "alias_supports",
    "customers",
    "leads",
    "outbox",
    "record_keys",
    "records",
    "sources",
    "statements",
)
LATER = datetime(2026, 2, 8, 4, 30, tzinfo=UTC)
LEAD_IDENTIFIED = LeadIdentified.DESCRIPTOR.full_name


class Identify:
    """Handles batches of leads, each in one transaction."""

    def __init__(self, database: Database, reader: LeadReader, resolver: Resolver) -> None:
        self.database = database
        self.reader = reader
        self.resolver = resolver

    async def __call__(self, events: Sequence[LeadReceived]) -> list[LeadIdentified]:
        """What a batch publishes about leads."""
        async with self.database.unit_of_work() as uow:
            arrivals = [self.reader.arrival(event) for event in events]
            await identify_leads(uow, self.resolver, arrivals)
        return [
            LeadIdentified.FromString(event.payload)
            for event in uow.outgoing
            if event.event_type == LEAD_IDENTIFIED
        ]

    def lead_id(self, event: LeadReceived) -> LeadId:
        """The id of a lead."""
        return self.reader.arrival(event).lead_id


@pytest.fixture
def identify(database: Database, reader: LeadReader, resolver: Resolver) -> Identify:
    return Identify(database, reader, resolver)


async def count_of(database: Database, table: str) -> int:
    async with database.raw() as raw:
        return int(await raw.fetchval(f"select count(*) from {table}"))


async def test_a_lead_is_published_with_its_customer_and_its_facts(
    database: Database, identify: Identify, received: Received
) -> None:
    event = received()

    published = await identify([event])

    assert [each.lead_id for each in published] == [event.lead_id]
    assert len(published[0].golden_id) == 64
    assert published[0].master_id.startswith("CID-")
    assert published[0].master_id.endswith("-000001")
    assert published[0].facts == event.facts
    assert published[0].occurred_at.seconds > 0


async def test_two_leads_of_one_customer_in_one_batch_end_as_one_customer(
    database: Database, identify: Identify, received: Received
) -> None:
    published = await identify([received(uscc=USCC), received(uscc=USCC)])

    assert len({each.golden_id for each in published}) == 1
    assert [each.match_basis for each in published] == [MatchBasis.NEW, MatchBasis.PHONE_AND_USCC]
    assert await count_of(database, "customers") == 1


async def test_a_customer_is_known_again_in_a_later_batch(
    database: Database, identify: Identify, received: Received
) -> None:
    first = await identify([received(), received(phone="+8613800138002")])

    second = await identify([received(uscc=USCC, received_at=LATER)])

    assert second[0].golden_id == first[0].golden_id
    assert second[0].master_id == first[0].master_id
    assert second[0].match_basis == MatchBasis.PHONE
    assert await count_of(database, "customers") == 2
    assert await count_of(database, "aliases") == 3


async def test_masked_numbers_never_make_two_leads_one_customer(
    database: Database, identify: Identify, received: Received
) -> None:
    events = [received(phone="", masked_phone="138****8001") for _ in range(2)]

    published = await identify(events)

    assert len({each.golden_id for each in published}) == 2
    assert {each.match_basis for each in published} == {MatchBasis.NONE}
    assert await count_of(database, "customers") == 2


async def test_a_lead_that_is_on_record_is_not_published_again(
    database: Database, identify: Identify, received: Received
) -> None:
    for phone in ("+8613800138001", ""):
        event = received(phone=phone)
        again = received(phone=phone, lead_id=event.lead_id)
        once = await identify([event, again])

        later = await identify([again])

        assert len(once) == 1
        assert later == []
    assert await count_of(database, "leads") == await count_of(database, "customers") == 2


async def test_the_number_of_statements_does_not_grow_with_the_batch(
    database: Database, identify: Identify, received: Received
) -> None:
    # A connection's first use of each array type costs queries of the driver's own.
    await identify([received()])
    counts = []
    for size in (1, 50, 100):
        events = [received(phone=f"+86138001{n:05d}") for n in range(size)]
        seen: list[object] = []
        async with database.unit_of_work() as uow:
            arrivals = [identify.reader.arrival(event) for event in events]
            uow.raw.add_query_logger(seen.append)
            await identify_leads(uow, identify.resolver, arrivals)
            uow.raw.remove_query_logger(seen.append)
        counts.append(len(seen))

    assert counts[0] == 4  # locks, what is near, what comes, leads
    assert max(counts) <= 8  # and families that somebody is near to


async def test_replicas_that_meet_the_same_people_at_once_agree_and_never_deadlock(
    migrated_url: str, database: Database, identify: Identify, received: Received
) -> None:
    phones = [f"+861380013{n:04d}" for n in range(60)]
    batches = [[received(phone=phone) for phone in phones] for _ in range(8)]
    for batch in batches:
        random.shuffle(batch)
    replica = Database(migrated_url, service="identity")
    there = identify.resolver
    elsewhere = Identify(
        replica,
        identify.reader,
        Resolver(there.model, there.seals, there.digests, there.keys),
    )

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task((identify, elsewhere)[number % 2](batch))
            for number, batch in enumerate(batches)
        ]
    await replica.stop()

    customers = defaultdict(set)
    for batch, task in zip(batches, tasks, strict=True):
        golden_id_of = {each.lead_id: each.golden_id for each in task.result()}
        for event in batch:
            phone = identify.reader.arrival(event).statement.fields["phone"]
            customers[phone].add(golden_id_of[event.lead_id])
    assert [len(found) for found in customers.values()] == [1] * 60
    assert await count_of(database, "customers") == 60
    assert await count_of(database, "leads") == 480


async def test_a_batch_that_is_rolled_back_leaves_nothing(
    database: Database, identify: Identify, received: Received
) -> None:
    async def identify_and_fail() -> None:
        async with database.unit_of_work() as uow:
            arrivals = [identify.reader.arrival(received())]
            await identify_leads(uow, identify.resolver, arrivals)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await identify_and_fail()

    assert await count_of(database, "leads") == await count_of(database, "customers") == 0


async def test_no_table_holds_a_readable_contact(
    database: Database, identify: Identify, received: Received
) -> None:
    await identify([received(uscc=USCC)])

    async with database.raw() as raw:
        rows = [
            str(dict(row)) for table in TABLES for row in await raw.fetch(f"select * from {table}")
        ]

    assert len(rows) >= len(TABLES)
    assert not [
        row for row in rows if any(word in row for word in ("13800138001", "MA5EXAMP1F", "钱伟国"))
    ]


async def test_a_customer_is_found_by_either_id_with_the_leads_in_order(
    database: Database, identify: Identify, received: Received
) -> None:
    published = await identify([received(), received()])
    expected = [LeadId(UUID(each.lead_id)) for each in published]

    by_golden_id = await queries.get_customer(database, published[0].golden_id)
    by_master_id = await queries.get_customer(database, published[0].master_id)

    assert by_golden_id == by_master_id
    assert by_golden_id[1] == expected
    assert store.LEADS_LISTED_MAX == 1000


async def test_who_is_not_on_record_is_not_found(
    database: Database, identify: Identify, received: Received
) -> None:
    unknown = identify.lead_id(received(lead_id=new_id()))

    with pytest.raises(LeadNotIdentified):
        await queries.get_identity(database, unknown)
    with pytest.raises(CustomerNotFound):
        await queries.get_customer(database, "CID-20260207-999999")


async def test_another_company_behind_the_same_phone_is_another_customer(
    identify: Identify, received: Received
) -> None:
    published = await identify([received(uscc=USCC), received(uscc=OTHER_USCC)])

    assert len({each.golden_id for each in published}) == 2
    assert {each.match_basis for each in published} == {MatchBasis.NEW}


async def test_a_withdrawn_lead_is_evidence_no_more_and_keeps_its_customers_name(
    database: Database, identify: Identify, received: Received
) -> None:
    event = received()
    (published,) = await identify([event])

    async with database.unit_of_work() as uow:
        await withdraw_leads(uow, identify.resolver, [identify.lead_id(event)])

    assert await count_of(database, "records") == await count_of(database, "record_keys") == 0
    customer, leads = await queries.get_customer(database, published.golden_id)
    assert (customer.record_count, leads) == (0, [identify.lead_id(event)])
