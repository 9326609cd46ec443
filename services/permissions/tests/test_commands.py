"""Granting ownership on a real database."""

import asyncio
from collections.abc import Callable, Sequence

from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.permissions.v1.events_pb2 import OwnershipGranted
from permissions import commands, queries, wire
from permissions.queries import Verdict
from servicekit.database import Database
from servicekit.events import new_id

Assigned = Callable[..., LeadAssigned]


async def hand_over(database: Database, events: Sequence[LeadAssigned]) -> list[OwnershipGranted]:
    """Handles a batch in one transaction; returns what it published."""
    async with database.unit_of_work() as uow:
        await commands.grant_ownerships(uow, [wire.arrival(event) for event in events])
    return [OwnershipGranted.FromString(event.payload) for event in uow.outgoing]


async def owners(database: Database) -> dict[str, str]:
    async with database.raw() as raw:
        return dict(await raw.fetch("select lead_id::text, owner_id from ownerships"))


async def test_the_assignee_becomes_the_owner_and_it_is_published(
    database: Database, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")

    [granted] = await hand_over(database, [event])

    assert await owners(database) == {event.lead_id: "rep-ana"}
    assert (granted.lead_id, granted.owner_id) == (event.lead_id, "rep-ana")
    assert (granted.previous_owner_id, granted.audit_seq) == ("", 1)
    assert (granted.channel, granted.received_at) == (event.channel, event.received_at)


async def test_a_hand_over_takes_the_right_from_the_owner_before(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    await hand_over(database, [assigned(lead_id=lead_id, assignee_id="rep-ana")])

    [granted] = await hand_over(
        database, [assigned(lead_id=lead_id, assignee_id="rep-bo", assignment_no=2)]
    )

    assert granted.previous_owner_id == "rep-ana"
    assert await owners(database) == {lead_id: "rep-bo"}


async def test_an_assignment_that_comes_late_does_not_win(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    newest = assigned(lead_id=lead_id, assignee_id="rep-bo", assignment_no=2)
    late = assigned(lead_id=lead_id, assignee_id="rep-ana", assignment_no=1)

    published = await hand_over(database, [newest])
    published += await hand_over(database, [late])

    assert [event.owner_id for event in published] == ["rep-bo"]
    assert await owners(database) == {lead_id: "rep-bo"}
    assert await queries.verify_audit(database) == Verdict(1, 0)


async def test_two_assignments_of_one_lead_in_one_batch_are_both_recorded(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    batch = [
        assigned(lead_id=lead_id, assignee_id=f"rep-{number}", assignment_no=number)
        for number in (1, 2)
    ]

    published = await hand_over(database, batch)

    assert [event.previous_owner_id for event in published] == ["", "rep-1"]
    assert [event.audit_seq for event in published] == [1, 2]
    assert await owners(database) == {lead_id: "rep-2"}


async def test_the_number_of_statements_does_not_grow_with_the_batch(
    database: Database, assigned: Assigned
) -> None:
    # A connection's first use of each array type costs queries of the driver's own.
    await hand_over(database, [assigned()])
    counts = []
    for size in (1, 100):
        arrivals = [wire.arrival(assigned()) for _ in range(size)]
        seen: list[object] = []
        async with database.unit_of_work() as uow:
            uow.raw.add_query_logger(seen.append)
            await commands.grant_ownerships(uow, arrivals)
            uow.raw.remove_query_logger(seen.append)
        counts.append(len(seen))

    assert counts == [3, 3]


async def test_sixteen_writers_at_once_make_one_unbroken_chain(
    migrated_url: str, database: Database, assigned: Assigned
) -> None:
    shared = [new_id() for _ in range(5)]
    replica = Database(migrated_url, service="permissions")

    async with asyncio.TaskGroup() as group:
        for writer in range(1, 17):
            batch = [
                assigned(lead_id=lead_id, assignee_id=f"rep-{writer}", assignment_no=writer)
                for lead_id in shared
            ]
            batch += [assigned() for _ in range(20)]
            group.create_task(hand_over((database, replica)[writer % 2], batch))
    await replica.stop()

    verdict = await queries.verify_audit(database)
    found = await owners(database)
    assert verdict.first_bad_seq == 0
    assert verdict.entry_count >= 16 * 20 + len(shared)
    assert [found[lead_id] for lead_id in shared] == ["rep-16"] * 5
    assert len(found) == 16 * 20 + 5
