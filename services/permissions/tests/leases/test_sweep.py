"""The sweep tells owners once, releases what nobody keeps, and is whole or not at all."""

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import pytest
from accesskit.policy import DAY_S
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipDemoted
from permissions.commands.sweeping import LeaseImport, Sweep, sweep
from permissions.queries.leases import terms_of
from permissions.store import audit
from servicekit.database import Database


async def test_two_sweepers_tell_an_owner_once_of_each_state(office) -> None:
    await office.give("rep-ana", *[office.customer(f"c-{number}") for number in range(5)])
    terms = terms_of(office.live)
    rival = Database(
        office.database.url,
        service="permissions",
        clock=lambda: datetime.fromtimestamp(office.clock.now_s, UTC),
    )
    for days in (23, 7, 7):
        office.clock.wait(days=days)
        await asyncio.gather(*(sweep(database, terms) for database in (office.database, rival) * 3))
    await rival.stop()

    told = await office.published(OwnershipDemoted)
    released = await office.published(CustomerReleased)
    assert sorted(event.state for event in told) == ["notice"] * 5 + ["readonly"] * 5
    assert {event.resource.id for event in told} == {f"c-{number}" for number in range(5)}
    assert [event.reason for event in released] == ["lapsed"] * 5
    assert not await office.sweep()


async def test_a_notice_says_when_the_next_state_begins_and_a_new_clock_brings_a_new_notice(
    office,
) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=23)
    await office.sweep()
    await office.report(office.a_call(office.customer(), office.clock.now_s))
    office.clock.wait(days=23)
    await office.sweep()

    first, second = await office.published(OwnershipDemoted)

    assert first.next_at.ToDatetime(UTC).timestamp() == office.noon_s + 30 * DAY_S
    assert second.next_at.ToDatetime(UTC).timestamp() == office.noon_s + 53 * DAY_S
    assert (first.owner_id, first.state) == ("rep-ana", "notice")


async def test_a_sweep_that_comes_late_skips_what_is_past(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=100)

    await Sweep(office.database, office.live).step()

    assert not await office.published(OwnershipDemoted)
    assert (await office.lease(office.customer())).owner_id == ""


@pytest.mark.parametrize(
    "broken", ["leases", "audit_entries", "audit_head", "outbox", "lease_clock"]
)
async def test_a_sweep_that_breaks_anywhere_leaves_nothing_behind_and_is_made_again(
    office, broken: str
) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=23)
    before = await office.everything()

    async with office.breaking(broken):
        with pytest.raises(asyncpg.RaiseError):
            await office.sweep()

    assert await office.everything() == before
    assert await office.sweep() == 1
    assert len(await office.published(OwnershipDemoted)) == 1


async def test_ownerships_from_before_the_log_held_changes_are_stated_once(office) -> None:
    await office.give("rep-ana", *[office.customer(f"c-{number:03}") for number in range(600)])
    async with office.database.raw() as raw:
        await raw.execute("update leases set version = 0, seq = 1")
        before = await raw.fetchval("select seq from audit_head")
    imported = LeaseImport(office.database)

    await imported.start()
    await imported.start()

    async with office.database.raw() as raw:
        entries = await audit.changing_entries_after(raw, before, limit=10)
    facts = [json.loads(entry.fact) for entry in entries]
    assert [len(fact["changes"]) for fact in facts] == [500, 100]
    assert {fact["action"] for fact in facts} == {"ownerships_imported"}
    assert (await office.lease(office.customer("c-599"))).version == 1
