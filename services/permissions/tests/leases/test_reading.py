"""Leases as they are read: alone with their history, in lists, and under other terms."""

from typing import Any

import grpc
import pytest
from leadchain.permissions.v1 import leases_service_pb2 as pb
from permissions.commands import leases as commands
from permissions.commands import recording


async def test_whoever_follows_an_owner_reads_the_history_from_the_beginning(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=1)
    await office.report(office.a_call(office.customer(), office.clock.now_s))
    async with office.database.unit_of_work() as uow:
        log = await recording.begin(uow)
        count = await commands.give_up_all(
            uow, log, "rep-ana", successor_id="rep-bo", actor="boss-deng"
        )
        await log.finish()
    await office.live.catch_up()

    answer = await (await office.by("rep-bo")).GetLease(
        pb.GetLeaseRequest(resource=office.customer())
    )
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await (await office.by("rep-ana")).GetLease(pb.GetLeaseRequest(resource=office.customer()))

    told = [(event.action, event.cause, event.owner_id) for event in answer.history]
    assert count == 1
    assert told == [
        ("ownership_granted", "offboarded", "rep-bo"),
        ("lease_touched", "follow_up", "rep-ana"),
        ("ownership_granted", "assigned", "rep-ana"),
    ]
    assert office.refused(refusal)[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_leases_are_listed_page_by_page_by_owner_and_state(office) -> None:
    early, late = [[office.customer(f"{name}-{n}") for n in range(3)] for name in ("early", "late")]
    await office.give("rep-ana", *early)
    office.clock.wait(days=25)
    await office.give("rep-ana", *late)
    await office.give("rep-bo", office.customer("other"))
    stub = await office.by("boss-deng")

    async def names(**wanted: Any) -> list[str]:
        found, page_token = [], ""
        while True:
            request = pb.ListLeasesRequest(page_size=2, page_token=page_token, **wanted)
            page = await stub.ListLeases(request)
            found += [lease.resource.id for lease in page.leases]
            page_token = page.next_page_token
            if not page_token:
                return found

    assert await names(owner_id="rep-ana", state=pb.LEASE_STATE_NOTICE) == [e.id for e in early]
    assert await names(owner_id="rep-ana", state=pb.LEASE_STATE_ACTIVE) == [e.id for e in late]
    assert len(await names()) == 7
    assert await names(state=pb.LEASE_STATE_POOL) == []


async def test_nobody_is_shown_leases_they_may_not_read(office) -> None:
    await office.give("rep-ana", office.customer())

    answer = await (await office.by("rep-bo")).ListLeases(pb.ListLeasesRequest())

    assert not answer.leases


async def test_other_terms_are_counted_before_they_are_in_force(office) -> None:
    await office.give("rep-ana", office.customer("c-1"), office.customer("c-2"))
    office.clock.wait(days=20)
    await office.give("rep-ana", office.customer("c-3"))
    stub = await office.by("engagement")

    answer = await stub.PreviewLeases(
        pb.PreviewLeasesRequest(notice_days=10, readonly_days=15, pool_days=25)
    )

    counts = {count.state: (count.count_now, count.count_then) for count in answer.counts}
    assert counts[pb.LEASE_STATE_ACTIVE] == (3, 1)
    assert counts[pb.LEASE_STATE_READONLY] == (0, 2)
    assert counts[pb.LEASE_STATE_POOL] == (0, 0)
