"""Somebody leaves: everything they could do ends at once, and what they owned goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest
from accesskit.changes import PrincipalPut
from accesskit.decisions import Outcome
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import (
    CustomerReleased,
    OwnershipGranted,
    SessionsRevoked,
)
from permissions.commands.watching import Watch
from permissions.domain.facts import Applied
from permissions.store import replicas
from prometheus_client import REGISTRY
from servicekit.testing.waiting import eventually


def leaving(**changed: Any) -> pb.OffboardRequest:
    """The request by which ana resigns."""
    usual = {"request_id": "leave-ana-1", "principal_id": "ana", "reason": "resigned"}
    return pb.OffboardRequest(**(usual | changed))


async def offboarded(office: Any, **changed: Any) -> pb.OffboardingReport:
    return (await office.call("Offboard", leaving(**changed), by="sec")).report


async def owner_of(office: Any, resource: str) -> str | None:
    await office.live.catch_up()
    lease = office.live.engine.lease(*resource.split(":"), now_s=office.clock.now_s)
    return None if lease is None else str(lease.owner_id)


async def test_after_the_acknowledgement_nothing_is_allowed_to_the_one_who_left(
    office: Any,
) -> None:
    await office.give("ana", "lead:l-1", "customer:c-1")
    session = await office.sign_in("ana")
    token = office.token("ana", epoch=session.epoch, session_id=session.id)
    await office.call("ListSessions", pb.ListSessionsRequest(), by="ana", token=token)
    assert (await office.may("ana", "read", "lead:l-1")).outcome is Outcome.ALLOW

    await office.call("Offboard", leaving(), by="sec")

    refused = await office.refusal("ListSessions", pb.ListSessionsRequest(), by="ana", token=token)
    assert refused == ("UNAUTHENTICATED", "revoked")
    for action in ("read", "edit", "read_history", "export", "claim"):
        decision = await office.may("ana", action, "lead:l-1")
        assert (decision.outcome, decision.reason) == (Outcome.DENY, "departed")


async def test_no_request_is_accepted_after_the_acknowledgement_while_many_are_under_way(
    office: Any,
) -> None:
    token = office.token("ana", epoch=1)
    acknowledged = asyncio.Event()
    before, after = [], []

    async def keep_asking() -> None:
        while len(after) < 40:
            answers = after if acknowledged.is_set() else before
            answers.append(await is_let_in(office, token))

    async def leave() -> None:
        await office.call("Offboard", leaving(), by="sec")
        acknowledged.set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keep_asking())
        group.create_task(leave())

    assert any(before)
    assert not any(after)


async def test_everything_owned_goes_to_the_nearest_active_superior_who_sees_its_history(
    office: Any,
) -> None:
    owned = [f"lead:l-{number}" for number in range(3)] + ["customer:c-1"]
    await office.give("ana", *owned)
    await office.give("bo", "lead:of-bo")
    await office.state(PrincipalPut("boss", "user", "suspended", 2))

    report = await offboarded(office)

    assert (report.successor_id, report.handed_over_count, report.released_count) == ("dee", 4, 0)
    assert [await owner_of(office, each) for each in owned] == ["dee"] * 4
    assert await owner_of(office, "lead:of-bo") == "bo"
    assert (await office.may("dee", "read_history", "customer:c-1")).outcome is Outcome.ALLOW
    granted = [
        OwnershipGranted.FromString(each) for each in await office.published("OwnershipGranted")
    ]
    moved = {each.lead_id for each in granted if each.owner_id == "dee"}
    assert {"l-0", "l-1", "l-2"} <= moved


async def test_a_named_successor_gets_everything(office: Any) -> None:
    await office.give("ana", "lead:l-1")

    report = await offboarded(office, successor_id="bo")

    assert (report.successor_id, report.handed_over_count) == ("bo", 1)
    assert (await office.may("bo", "edit", "lead:l-1")).reason != "no_relation"


async def test_what_is_owned_goes_to_the_pool_when_nobody_is_above(office: Any) -> None:
    await office.give("dee", "lead:l-1", "customer:c-1")

    report = await offboarded(office, principal_id="dee", request_id="leave-dee-1")

    assert (report.successor_id, report.released_count) == ("", 2)
    assert [await owner_of(office, each) for each in ("lead:l-1", "customer:c-1")] == ["", ""]
    released = [
        CustomerReleased.FromString(each) for each in await office.published("CustomerReleased")
    ]
    assert {(each.previous_owner_id, each.reason) for each in released} == {("dee", "offboarded")}


@pytest.mark.parametrize("successor_id", ["nobody", "ana", "engagement"])
async def test_a_successor_is_another_active_person(office: Any, successor_id: str) -> None:
    refused = await office.refusal("Offboard", leaving(successor_id=successor_id), by="sec")

    assert refused == ("FAILED_PRECONDITION", "the successor is not another active person")
    assert (await office.may("ana", "enrol", "device:d")).outcome is Outcome.ALLOW


async def test_subordinates_answer_to_the_leavers_manager(office: Any) -> None:
    await office.give("bo", "lead:of-bo")

    report = await offboarded(office)

    assert report.subordinate_count == 2
    async with office.database.raw() as raw:
        edges = await raw.fetch(
            "select resource_id, subject_id from facts where relation = 'manager' order by 1"
        )
    assert [tuple(edge) for edge in edges] == [("bo", "boss"), ("boss", "dee"), ("cyn", "boss")]
    assert (await office.may("boss", "read", "lead:of-bo")).outcome is Outcome.ALLOW


async def test_sessions_devices_keys_and_grants_end_and_are_counted(office: Any) -> None:
    for _ in range(2):
        await office.sign_in("ana")
    await office.phone("ana")
    key = await office.call("CreateApiKey", pb.CreateApiKeyRequest(principal_id="ana"), by="sec")

    report = await offboarded(office)

    counts = (report.session_count, report.device_count, report.api_key_count, report.grant_count)
    assert counts == (2, 1, 1, 2)
    listed = await office.call("ListSessions", pb.ListSessionsRequest(principal_id="ana"), by="sec")
    assert all(session.HasField("revoked_at") for session in listed.sessions)
    devices = await office.call("ListDevices", pb.ListDevicesRequest(principal_id="ana"), by="sec")
    assert [device.status for device in devices.devices] == ["revoked"]
    request = pb.VerifyApiKeyRequest(api_key=key.api_key)
    assert await office.refusal("VerifyApiKey", request, by="engagement") == (
        "UNAUTHENTICATED",
        "bad_api_key",
    )


async def test_the_same_request_again_gives_the_same_report_and_changes_nothing(
    office: Any,
) -> None:
    await office.give("ana", "lead:l-1")
    first = await offboarded(office)
    entries = len(await office.entries())

    again = await offboarded(office, successor_id="bo")

    assert again == first
    assert len(await office.entries()) == entries
    other = leaving(principal_id="bo")
    assert (await office.refusal("Offboard", other, by="sec"))[0] == "FAILED_PRECONDITION"


async def test_a_dry_run_tells_what_would_be_done_and_does_nothing(office: Any) -> None:
    await office.give("ana", "lead:l-1", "lead:l-2")
    await office.sign_in("ana")
    entries = len(await office.entries())

    would = await offboarded(office, dry_run=True)

    assert (would.handed_over_count, would.session_count, would.token) == (2, 1, "")
    assert len(await office.entries()) == entries
    done = await offboarded(office)
    for name in ("epoch", "successor_id", "grant_count", "subordinate_count", "handed_over_count"):
        assert getattr(done, name) == getattr(would, name)


async def test_what_comes_to_somebody_who_has_left_is_handed_on_by_offboarding_them_again(
    office: Any,
) -> None:
    await offboarded(office)
    await office.give("ana", "lead:late")

    again = await offboarded(office, request_id="leave-ana-2", successor_id="bo")

    assert (again.handed_over_count, again.epoch) == (1, 3)
    assert await owner_of(office, "lead:late") == "bo"


async def test_an_offboarding_is_recorded_and_published(office: Any) -> None:
    report = await offboarded(office)

    [entry] = [each for each in await office.entries() if each["action"] == "offboarded"]
    assert (entry["actor"], entry["resource"], entry["reason"]) == ("sec", "user:ana", "resigned")
    [event] = [
        SessionsRevoked.FromString(each) for each in await office.published("SessionsRevoked")
    ]
    assert (event.principal_id, event.epoch, event.reason) == ("ana", report.epoch, "offboarded")
    assert event.audit_seq == entry["seq"]


async def test_a_large_handover_is_found_in_the_log_by_each_resource(office: Any) -> None:
    owned = [f"lead:l-{number}" for number in range(250)]
    await office.give("ana", *owned)

    await offboarded(office)

    given = [each for each in await office.entries() if each.get("cause") == "offboarded"]
    found = "select seq from audit_resources where resource = $1 and 'owner' = any(fields) and seq >= $2"
    async with office.database.raw() as raw:
        rows = [await raw.fetch(found, each, given[0]["seq"]) for each in owned]
    assert {each["previous_owner_id"] for each in given} == {"ana"}
    assert len(given) < 5
    assert {len(seqs) for seqs in rows} == {1}
    assert {await owner_of(office, each) for each in owned[::50]} == {"boss"}


async def test_a_caller_who_hangs_up_repeats_the_request(office: Any) -> None:
    await office.give("ana", *(f"lead:l-{number}" for number in range(300)))
    for after_s in (0.01, 0.05, 0.1):
        asking = asyncio.create_task(office.call("Offboard", leaving(), by="sec"))
        await asyncio.wait([asking], timeout=after_s)
        asking.cancel()
        await asyncio.wait([asking])

    report = await offboarded(office)

    told = [each for each in await office.entries() if each["action"] == "offboarded"]
    assert (report.handed_over_count, len(told)) == (300, 1)
    assert await owner_of(office, "lead:l-299") == "boss"


async def test_the_report_names_each_process_and_when_it_confirmed(office: Any) -> None:
    await confirm(office, "identity", "identity-1", revision=1)
    await confirm(office, "reporting", "reporting-1", revision=1)
    response = await office.call("Offboard", leaving(), by="sec")
    assert not response.is_confirmed

    await confirm(office, "identity", "identity-1", revision=revision_of(response))
    got = await office.call(
        "GetOffboarding", pb.GetOffboardingRequest(request_id="leave-ana-1"), by="sec"
    )

    assert [(each.service, each.instance_id) for each in got.confirmed] == [
        ("identity", "identity-1")
    ]
    assert got.confirmed[0].HasField("applied_at")
    assert [each.service for each in got.pending] == ["reporting"]
    assert got.report == response.report


async def test_a_process_unheard_of_for_45_seconds_is_expected_no_longer(office: Any) -> None:
    for number in (1, 2):
        await confirm(office, "identity", f"identity-{number}", revision=1)
    async with office.database.raw() as raw:
        await raw.execute("update confirmations set confirmed_at = now() - interval '1 day'")
        await raw.execute(
            "update confirmations set heard_at = now() - interval '46 s' where instance_id like '%2'"
        )
    done = await office.call("Offboard", leaving(), by="sec")

    got = await office.call(
        "GetOffboarding", pb.GetOffboardingRequest(request_id="leave-ana-1"), by="sec"
    )

    assert not done.is_confirmed
    assert [each.instance_id for each in got.pending] == ["identity-1"]


async def test_a_process_that_repeats_itself_is_known_and_its_first_word_stands(
    office: Any,
) -> None:
    done = await office.call("Offboard", leaving(), by="sec")
    for late_s in (0, 5):
        await confirm(office, "a", "a-1", revision=revision_of(done), late_s=late_s)
    suspended = await office.call("Suspend", pb.SuspendRequest(principal_id="bo"), by="sec")

    got = await office.call(
        "GetOffboarding", pb.GetOffboardingRequest(request_id="leave-ana-1"), by="sec"
    )

    assert not suspended.is_confirmed
    assert not got.is_late


async def test_a_process_that_does_not_confirm_within_a_second_is_an_alarm(office: Any) -> None:
    await confirm(office, "identity", "identity-1", revision=1)
    response = await office.call("Offboard", leaving(), by="sec")
    asked = pb.GetOffboardingRequest(request_id="leave-ana-1")

    await confirm(office, "identity", "identity-1", revision=revision_of(response), late_s=5)
    late = await office.call("GetOffboarding", asked, by="sec")

    await Watch(office.database).step()

    assert late.is_late
    assert not late.pending
    assert REGISTRY.get_sample_value("leadchain_offboardings_late") == 1


async def test_an_offboarding_is_acknowledged_at_once_when_every_process_confirms(
    office: Any,
) -> None:
    await confirm(office, "identity", "identity-1", revision=1)

    async def confirm_when_it_is_written() -> None:
        async def is_written() -> bool:
            return bool(await office.published("SessionsRevoked"))

        await eventually(is_written, what="the offboarding")
        async with office.database.raw() as raw:
            revision = await raw.fetchval("select revision from audit_head")
        await confirm(office, "identity", "identity-1", revision=revision)

    async with asyncio.TaskGroup() as group:
        confirming = group.create_task(confirm_when_it_is_written())
        response = await office.call("Offboard", leaving(), by="sec")
        await confirming

    assert response.is_confirmed


async def test_only_who_may_offboard_does_and_nobody_offboards_themselves(office: Any) -> None:
    assert (await office.refusal("Offboard", leaving(), by="boss"))[0] == "PERMISSION_DENIED"
    assert (await office.refusal("Offboard", leaving(principal_id="sec"), by="sec"))[0] == (
        "PERMISSION_DENIED"
    )
    asked = pb.GetOffboardingRequest(request_id="leave-ana-1")
    assert (await office.refusal("GetOffboarding", asked, by="sec"))[0] == "NOT_FOUND"
    await offboarded(office)
    assert (await office.refusal("GetOffboarding", asked, by="boss"))[0] == "PERMISSION_DENIED"


async def test_a_stranger_and_a_service_are_not_offboarded(office: Any) -> None:
    stranger = leaving(principal_id="nobody")
    service = leaving(principal_id="engagement")

    assert (await office.refusal("Offboard", stranger, by="sec"))[0] == "NOT_FOUND"
    assert (await office.refusal("Offboard", service, by="sec"))[0] == "FAILED_PRECONDITION"


async def test_somebody_who_comes_back_starts_with_no_rights_and_a_higher_epoch(
    office: Any,
) -> None:
    await office.give("ana", "lead:l-1")
    old = office.token("ana", epoch=1)
    report = await offboarded(office)

    await office.state(PrincipalPut("ana", "user", "active", report.epoch))

    assert (await office.may("ana", "edit", "lead:l-1")).outcome is Outcome.DENY
    refused = await office.refusal("ListSessions", pb.ListSessionsRequest(), by="ana", token=old)
    assert refused == ("UNAUTHENTICATED", "revoked")
    assert (await office.sign_in("ana")).epoch == report.epoch


async def test_a_suspended_person_is_refused_until_they_are_resumed(office: Any) -> None:
    await office.give("ana", "lead:l-1")
    session = await office.sign_in("ana")
    before = office.token("ana", epoch=session.epoch, session_id=session.id)

    suspended = await office.call("Suspend", pb.SuspendRequest(principal_id="ana"), by="sec")
    again = await office.call("Suspend", pb.SuspendRequest(principal_id="ana"), by="sec")

    assert suspended.epoch == again.epoch == 2
    assert (await office.may("ana", "read", "lead:l-1")).reason == "suspended"
    asked = pb.ListSessionsRequest()
    assert (await office.refusal("ListSessions", asked, by="ana", token=before))[1] == "revoked"
    await office.call("Resume", pb.ResumeRequest(principal_id="ana"), by="sec")
    assert (await office.may("ana", "read", "lead:l-1")).outcome is Outcome.ALLOW
    assert (await office.refusal("ListSessions", asked, by="ana", token=before))[1] == "revoked"


async def test_the_departed_are_neither_suspended_nor_resumed(office: Any) -> None:
    await offboarded(office)

    for rpc, request in (
        ("Suspend", pb.SuspendRequest(principal_id="ana")),
        ("Resume", pb.ResumeRequest(principal_id="ana")),
    ):
        assert (await office.refusal(rpc, request, by="sec"))[0] == "FAILED_PRECONDITION"


async def is_let_in(office: Any, token: str) -> bool:
    """Whether a call with the token is answered; a refusal for another reason than a revocation fails the test."""
    try:
        await office.call("ListSessions", pb.ListSessionsRequest(), by="ana", token=token)
    except grpc.aio.AioRpcError as refusal:
        if refusal.details() != "revoked":
            raise
        return False
    return True


def revision_of(response: pb.OffboardResponse) -> int:
    return int(response.report.token.rpartition(".")[2])


async def confirm(
    office: Any, service: str, instance_id: str, *, revision: int, late_s: float = 0
) -> None:
    """A process says that it has applied a revision."""
    async with office.database.unit_of_work() as uow:
        applied_at = uow.now + timedelta(seconds=late_s)
        applied = Applied(service, instance_id, revision, applied_at)
        await replicas.confirm(uow.raw, applied)
