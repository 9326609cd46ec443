"""Emergencies, and what time does to requests that nobody looks after."""

import pytest
from accesskit.changes import FactPut, PrincipalPut
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.changes_pb2 import Entity
from leadchain.permissions.v1.events_pb2 import ApprovalDecided, SessionsRevoked
from permissions.commands import recording
from permissions.commands.approvals import Withdrawn, withdraw_of
from permissions.commands.break_glass import lapse
from permissions.store import principals

from .conftest import APPROVE, DENY, Office, a_request, a_use, an_emergency, fact

DAY_S = 86_400.0


def a_use_of(emergency: pb.BreakGlassRequest) -> pb.UseApprovalRequest:
    return a_use(emergency.request_id, deed=emergency.deed)


def a_review(emergency: pb.BreakGlassRequest, verdict: int) -> pb.ReviewBreakGlassRequest:
    return pb.ReviewBreakGlassRequest(request_id=emergency.request_id, verdict=verdict)


async def account(office: Office, person_id: str) -> PrincipalPut:
    async with office.database.raw() as raw:
        return (await principals.of_ids(raw, [person_id]))[person_id]


async def test_one_person_acts_at_once_and_two_others_are_told(office: Office) -> None:
    emergency = an_emergency()

    request = (await office.call("BreakGlass", emergency, by="sec")).request

    used = await office.call("UseApproval", a_use_of(emergency), by="sec")
    [event, _] = [ApprovalDecided.FromString(e) for e in await office.published("ApprovalDecided")]
    assert request.status == pb.APPROVAL_STATUS_APPROVED
    assert list(request.notify_ids) == ["sid", "sol"]
    assert request.usable_until.seconds - request.requested_at.seconds == 900
    assert request.review_by.seconds - request.requested_at.seconds == DAY_S
    assert (event.status, event.requester_id, event.resource.id) == ("break_glass", "sec", "k-1")
    assert not used.is_repeated


async def test_an_emergency_is_good_for_one_use_within_fifteen_minutes(office: Office) -> None:
    used, late = an_emergency(), an_emergency()
    for each in (used, late):
        await office.call("BreakGlass", each, by="sec")
    await office.call("UseApproval", a_use_of(used), by="sec")
    again = a_use(used.request_id, key="job-2", deed=used.deed)
    second = await office.refusal("UseApproval", again, by="sec")
    office.now_s += 901

    refused = await office.refusal("UseApproval", a_use_of(late), by="sec")

    assert second == refused == ("PERMISSION_DENIED", "approval_expired")


async def test_glass_is_broken_only_where_the_policy_has_some(office: Office) -> None:
    request = an_emergency(subject="ana")
    request.deed.action = "delete"
    request.deed.resource.CopyFrom(Entity(type="customer", id="c-1"))

    refused = await office.refusal("BreakGlass", request, by="ana")

    assert refused == ("PERMISSION_DENIED", "no_break_glass")


async def test_breaking_glass_needs_a_second_factor_and_a_right_of_ones_own(office: Office) -> None:
    weak = await office.refusal("BreakGlass", an_emergency(), by="sec", amr=["pwd"])
    foreign = await office.refusal("BreakGlass", an_emergency(subject="sid"), by="sec")
    powerless = await office.refusal("BreakGlass", an_emergency(subject="ana"), by="ana")

    assert weak == ("PERMISSION_DENIED", "step_up_required")
    assert foreign == ("PERMISSION_DENIED", "only for oneself")
    assert powerless == ("PERMISSION_DENIED", "no_role")


async def test_without_two_others_to_tell_nobody_breaks_glass(office: Office) -> None:
    await office.state(FactPut(fact("user:sid#delegate@user:sol")))

    code, text = await office.refusal("BreakGlass", an_emergency(), by="sec")

    assert (code, text) == ("FAILED_PRECONDITION", "not two others could be told")


async def test_the_same_emergency_twice_is_one(office: Office) -> None:
    emergency = an_emergency()
    first = await office.call("BreakGlass", emergency, by="sec")

    second = await office.call("BreakGlass", emergency, by="sec")

    asked_as_request = a_request(request_id=emergency.request_id, deed=emergency.deed)
    refused = await office.refusal("RequestAccess", asked_as_request, by="sec")
    assert second == first
    assert refused == ("ALREADY_EXISTS", "another request has this id")
    assert len(await office.published("ApprovalDecided")) == 1


async def test_a_justified_emergency_costs_nothing(office: Office) -> None:
    emergency = an_emergency()
    await office.call("BreakGlass", emergency, by="sec")

    reviewed = await office.call("ReviewBreakGlass", a_review(emergency, APPROVE), by="sid")
    repeated = await office.call("ReviewBreakGlass", a_review(emergency, APPROVE), by="sid")

    office.now_s += 2 * DAY_S
    while await lapse(office.database, office.live):
        pass
    assert reviewed.request.reviewed_by == "sid"
    assert repeated == reviewed
    assert (await account(office, "sec")).status == "active"


async def test_an_unjustified_emergency_suspends_the_account_at_once(office: Office) -> None:
    emergency = an_emergency()
    await office.call("BreakGlass", emergency, by="sec")

    await office.call("ReviewBreakGlass", a_review(emergency, DENY), by="sid")

    [event] = [SessionsRevoked.FromString(e) for e in await office.published("SessionsRevoked")]
    assert await account(office, "sec") == PrincipalPut("sec", "user", "suspended", 2)
    assert (event.principal_id, event.epoch, event.reason) == ("sec", 2, "suspended")
    refused = await office.refusal("UseApproval", a_use_of(emergency), by="sec")
    assert refused == ("PERMISSION_DENIED", "approval_expired")


async def test_an_emergency_nobody_reviewed_within_a_day_suspends_the_account(
    office: Office,
) -> None:
    emergency = an_emergency()
    await office.call("BreakGlass", emergency, by="sec")
    await office.call("UseApproval", a_use_of(emergency), by="sec")
    office.now_s += DAY_S - 1
    await lapse(office.database, office.live)
    before = (await account(office, "sec")).status
    office.now_s += 1

    await lapse(office.database, office.live)
    await lapse(office.database, office.live)

    assert before == "active"
    assert await account(office, "sec") == PrincipalPut("sec", "user", "suspended", 2)
    sanctions = [e for e in await office.entries() if e["action"] == "glass_sanctioned"]
    assert len(sanctions) == 1


@pytest.mark.parametrize(
    ("reviewer", "why"),
    [("sec", "is_requester"), ("boss", "no_role_of_group"), ("ana", "no_role_of_group")],
)
async def test_who_could_not_have_approved_does_not_review(
    office: Office, reviewer: str, why: str
) -> None:
    emergency = an_emergency()
    await office.call("BreakGlass", emergency, by="sec")

    refused = await office.refusal("ReviewBreakGlass", a_review(emergency, APPROVE), by=reviewer)

    assert refused == ("PERMISSION_DENIED", why)


async def test_a_review_is_not_taken_back(office: Office) -> None:
    emergency = an_emergency()
    await office.call("BreakGlass", emergency, by="sec")
    await office.call("ReviewBreakGlass", a_review(emergency, APPROVE), by="sid")

    code, _ = await office.refusal("ReviewBreakGlass", a_review(emergency, DENY), by="sol")

    assert code == "FAILED_PRECONDITION"


async def test_a_usual_request_is_not_reviewed(office: Office) -> None:
    review = pb.ReviewBreakGlassRequest(request_id=await office.requested(), verdict=APPROVE)

    code, _ = await office.refusal("ReviewBreakGlass", review, by="sec")

    assert code == "FAILED_PRECONDITION"


async def test_what_lapsed_is_written_down_once_and_published(office: Office) -> None:
    pending, approved = await office.requested(), await office.approved()
    used = await office.approved()
    await office.call("UseApproval", a_use(used), by="ana")
    office.now_s += DAY_S

    for _ in range(2):
        assert not await lapse(office.database, office.live)

    events = [ApprovalDecided.FromString(e) for e in await office.published("ApprovalDecided")]
    expired = [event.request_id for event in events if event.status == "expired"]
    assert sorted(expired) == sorted([pending, approved])


async def test_whoever_leaves_takes_their_requests_along(office: Office) -> None:
    pending, approved = await office.requested(), await office.approved()

    async with office.database.unit_of_work() as uow:
        log = await recording.begin(uow)
        of_ana = await withdraw_of(uow, log, "ana", by="hr")
        of_boss = await withdraw_of(uow, log, "boss", by="hr")
        await log.finish()

    asking = [pb.GetRequestRequest(request_id=each) for each in (pending, approved)]
    seen = [(await office.call("GetRequest", each, by="ana")).request.status for each in asking]
    assert (of_ana, of_boss) == (Withdrawn(2, 0), Withdrawn(0, 0))
    assert seen == [pb.APPROVAL_STATUS_CANCELLED] * 2


async def test_votes_of_whoever_leaves_are_counted(office: Office) -> None:
    await office.approved()

    async with office.database.unit_of_work() as uow:
        log = await recording.begin(uow)
        withdrawn = await withdraw_of(uow, log, "boss", by="hr")

    assert withdrawn == Withdrawn(requests=0, votes=1)
