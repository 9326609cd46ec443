"""Identifying leads on a real database."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from identity import commands, queries, store
from identity.domain import CustomerNotFound, LeadId, LeadNotIdentified, MatchBasis
from identity.wire import LeadReader
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1.events_pb2 import LeadReceived
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.sealing import KeyRing

Received = Callable[..., LeadReceived]


async def identify(
    database: Database, reader: LeadReader, events: Sequence[LeadReceived]
) -> list[LeadIdentified]:
    """Handles a batch in one transaction; returns what it published."""
    async with database.unit_of_work() as uow:
        await commands.identify_leads(uow, [reader.arrival(event) for event in events])
    return [LeadIdentified.FromString(event.payload) for event in uow.outgoing]


async def count_of(database: Database, table: str) -> int:
    async with database.raw() as raw:
        return int(await raw.fetchval(f"select count(*) from {table}"))


async def test_a_lead_is_published_with_its_customer_and_its_facts(
    database: Database, reader: LeadReader, received: Received
) -> None:
    event = received()

    published = await identify(database, reader, [event])

    assert [each.lead_id for each in published] == [event.lead_id]
    assert len(published[0].golden_id) == 64
    assert published[0].master_id.startswith("CID-")
    assert published[0].master_id.endswith("-000001")
    assert published[0].facts == event.facts
    assert published[0].occurred_at.seconds > 0


async def test_two_leads_of_one_customer_in_one_batch_end_as_one_customer(
    database: Database, reader: LeadReader, received: Received
) -> None:
    uscc = "91440300MA5EXAMP1X"

    published = await identify(database, reader, [received(uscc=uscc), received(uscc=uscc)])

    assert len({each.golden_id for each in published}) == 1
    assert [each.match_basis for each in published] == [MatchBasis.NEW, MatchBasis.PHONE_AND_USCC]
    assert await count_of(database, "customers") == 1


async def test_a_customer_is_known_again_in_a_later_batch(
    database: Database, reader: LeadReader, received: Received
) -> None:
    first = await identify(database, reader, [received(), received(phone="+8613800138002")])

    second = await identify(database, reader, [received(uscc="91440300MA5EXAMP1X")])

    assert second[0].golden_id == first[0].golden_id
    assert second[0].master_id == first[0].master_id
    assert second[0].match_basis == MatchBasis.PHONE
    assert await count_of(database, "customer_keys") == 3


async def test_masked_numbers_never_make_two_leads_one_customer(
    database: Database, reader: LeadReader, received: Received
) -> None:
    events = [received(phone="", masked_phone="138****8001") for _ in range(2)]

    published = await identify(database, reader, events)

    assert len({each.golden_id for each in published}) == 2
    assert {each.match_basis for each in published} == {MatchBasis.NONE}
    assert await count_of(database, "customer_keys") == 0


async def test_a_lead_that_is_on_record_is_not_published_again(
    database: Database, reader: LeadReader, received: Received
) -> None:
    for phone in ("+8613800138001", ""):
        event = received(phone=phone)
        again = received(phone=phone, lead_id=event.lead_id)
        once = await identify(database, reader, [event, again])

        later = await identify(database, reader, [again])

        assert len(once) == 1
        assert later == []
    assert await count_of(database, "leads") == await count_of(database, "customers") == 2


async def test_the_number_of_statements_does_not_grow_with_the_batch(
    database: Database, reader: LeadReader, received: Received
) -> None:
    # A connection's first use of each array type costs queries of the driver's own.
    await identify(database, reader, [received()])
    counts = []
    for size in (1, 100):
        events = [received(phone=f"+86138001{n:05d}") for n in range(size)]
        seen: list[object] = []
        async with database.unit_of_work() as uow:
            uow.raw.add_query_logger(seen.append)
            await commands.identify_leads(uow, [reader.arrival(event) for event in events])
            uow.raw.remove_query_logger(seen.append)
        counts.append(len(seen))

    assert counts[0] == counts[1] <= 4


async def test_replicas_that_meet_the_same_people_at_once_agree_and_never_deadlock(
    migrated_url: str, database: Database, reader: LeadReader, received: Received
) -> None:
    phones = [f"+861380013{n:04d}" for n in range(60)]
    batches = [[received(phone=phone) for phone in phones] for _ in range(8)]
    for batch in batches:
        random.shuffle(batch)
    replica = Database(migrated_url, service="identity")

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(identify((database, replica)[number % 2], reader, batch))
            for number, batch in enumerate(batches)
        ]
    await replica.stop()

    customers = defaultdict(set)
    for batch, task in zip(batches, tasks, strict=True):
        golden_id_of = {each.lead_id: each.golden_id for each in task.result()}
        for event in batch:
            phone_index = reader.arrival(event).lead.phone_index
            customers[phone_index].add(golden_id_of[event.lead_id])
    assert [len(found) for found in customers.values()] == [1] * 60
    assert await count_of(database, "customers") == 60
    assert await count_of(database, "leads") == 480


async def test_a_batch_that_is_rolled_back_leaves_nothing(
    database: Database, reader: LeadReader, received: Received
) -> None:
    async def identify_and_fail() -> None:
        async with database.unit_of_work() as uow:
            await commands.identify_leads(uow, [reader.arrival(received())])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await identify_and_fail()

    assert await count_of(database, "leads") == await count_of(database, "customers") == 0


async def test_no_table_holds_a_readable_contact(
    database: Database, reader: LeadReader, received: Received, ring: KeyRing
) -> None:
    await identify(database, reader, [received(uscc="91440300MA5EXAMP1X")])

    async with database.raw() as raw:
        rows = [
            str(dict(row))
            for table in ("customers", "customer_keys", "leads", "outbox")
            for row in await raw.fetch(f"select * from {table}")
        ]

    assert len(rows) == 4
    assert not [row for row in rows if "13800138001" in row or "MA5EXAMP1X" in row]


async def test_a_customer_is_found_by_either_id_with_the_leads_in_order(
    database: Database, reader: LeadReader, received: Received
) -> None:
    published = await identify(database, reader, [received(), received()])
    expected = [LeadId(reader.arrival(received(lead_id=e.lead_id)).lead.lead_id) for e in published]

    by_golden_id = await queries.get_customer(database, published[0].golden_id)
    by_master_id = await queries.get_customer(database, published[0].master_id)

    assert by_golden_id == by_master_id
    assert by_golden_id[1] == expected
    assert store.LEADS_LISTED_MAX == 1000


async def test_who_is_not_on_record_is_not_found(
    database: Database, reader: LeadReader, received: Received
) -> None:
    unknown = reader.arrival(received(lead_id=new_id())).lead.lead_id

    with pytest.raises(LeadNotIdentified):
        await queries.get_identity(database, unknown)
    with pytest.raises(CustomerNotFound):
        await queries.get_customer(database, "CID-20260207-999999")
