"""Granting ownership of assigned leads on a real database."""

import asyncio
import json
from collections.abc import Callable, Sequence

from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.permissions.v1.events_pb2 import FactsChanged, OwnershipGranted
from permissions.commands import leases as commands
from permissions.domain.audit import GENESIS_HASH, AuditHead, first_misfit
from permissions.store import audit
from permissions.wire import leases as wire
from servicekit.database import Database
from servicekit.events import new_id

Assigned = Callable[..., LeadAssigned]
BEFORE = AuditHead(0, GENESIS_HASH)


async def assign(database: Database, events: Sequence[LeadAssigned]) -> list[OwnershipGranted]:
    """Handles a batch in one transaction; returns what it published."""
    async with database.unit_of_work() as uow:
        await commands.grant_ownerships(uow, [wire.arrival(event) for event in events])
    return [OwnershipGranted.FromString(event.payload) for event in uow.outgoing]


async def owners(database: Database) -> dict[str, str]:
    async with database.raw() as raw:
        return dict(await raw.fetch("select resource_id, owner_id from leases"))


async def entry_count(database: Database) -> int:
    """How many entries the log has, once each was found to follow the one before."""
    async with database.raw() as raw:
        entries = await audit.entries_after(raw, 0, limit=10_000)
    reached, misfit = first_misfit(BEFORE, entries)
    assert misfit is None
    return reached.seq


async def test_the_assignee_becomes_the_owner_and_it_is_published(
    database: Database, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")

    [granted] = await assign(database, [event])

    assert await owners(database) == {event.lead_id: "rep-ana"}
    assert (granted.lead_id, granted.owner_id) == (event.lead_id, "rep-ana")
    assert (granted.previous_owner_id, granted.audit_seq) == ("", 1)
    assert (granted.channel, granted.received_at) == (event.channel, event.received_at)


async def test_replicas_are_told_of_the_new_lease_at_once(
    database: Database, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")

    async with database.unit_of_work() as uow:
        await commands.grant_ownerships(uow, [wire.arrival(event)])

    [announced] = uow.announced
    told = FactsChanged.FromString(announced.payload)
    lease = told.changes[0].lease_put
    assert (told.previous_revision, told.revision) == (0, 1)
    assert (lease.resource.type, lease.resource.id) == ("lead", event.lead_id)
    assert (lease.owner_id, lease.version, lease.seq) == ("rep-ana", 1, 1)
    assert lease.touched_at_s == uow.now.timestamp()


async def test_the_log_states_the_change_and_its_cause(
    database: Database, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")
    await assign(database, [event])

    async with database.raw() as raw:
        [entry] = await audit.entries_after(raw, 0, limit=10)

    fact = json.loads(entry.fact)
    assert fact["action"] == "ownership_granted"
    assert fact["actor"] == "assignment"
    assert fact["cause"] == "assigned"
    assert fact["cause_event_id"] == event.event_id
    assert fact["resource"] == f"lead:{event.lead_id}"
    assert fact["changes"][0]["owner_id"] == "rep-ana"
    assert entry.changes_state


async def test_a_hand_over_takes_the_right_from_the_owner_before(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    await assign(database, [assigned(lead_id=lead_id, assignee_id="rep-ana")])

    [granted] = await assign(
        database, [assigned(lead_id=lead_id, assignee_id="rep-bo", assignment_no=2)]
    )

    assert granted.previous_owner_id == "rep-ana"
    assert await owners(database) == {lead_id: "rep-bo"}


async def test_an_assignment_that_comes_late_or_again_does_not_win(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    newest = assigned(lead_id=lead_id, assignee_id="rep-bo", assignment_no=2)
    late = assigned(lead_id=lead_id, assignee_id="rep-ana", assignment_no=1)

    published = await assign(database, [newest])
    published += await assign(database, [late, newest])

    assert [event.owner_id for event in published] == ["rep-bo"]
    assert await owners(database) == {lead_id: "rep-bo"}
    assert await entry_count(database) == 1


async def test_two_assignments_of_one_lead_in_one_batch_are_both_recorded(
    database: Database, assigned: Assigned
) -> None:
    lead_id = new_id()
    batch = [
        assigned(lead_id=lead_id, assignee_id=f"rep-{number}", assignment_no=number)
        for number in (1, 2)
    ]

    published = await assign(database, batch)

    assert [event.previous_owner_id for event in published] == ["", "rep-1"]
    assert [event.audit_seq for event in published] == [1, 2]
    assert await owners(database) == {lead_id: "rep-2"}


async def test_the_number_of_statements_does_not_grow_with_the_batch(
    database: Database, assigned: Assigned
) -> None:
    # A connection's first use of each array type costs queries of the driver's own.
    await assign(database, [assigned()])
    counts = []
    for size in (1, 100):
        arrivals = [wire.arrival(assigned()) for _ in range(size)]
        seen: list[object] = []
        async with database.unit_of_work() as uow:
            uow.raw.add_query_logger(seen.append)
            await commands.grant_ownerships(uow, arrivals)
            uow.raw.remove_query_logger(seen.append)
        counts.append(len(seen))

    assert counts[0] == counts[1] <= 5


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
            group.create_task(assign((database, replica)[writer % 2], batch))
    await replica.stop()

    found = await owners(database)
    assert await entry_count(database) >= 16 * 20 + len(shared)
    assert [found[lead_id] for lead_id in shared] == ["rep-16"] * 5
    assert len(found) == 16 * 20 + 5
