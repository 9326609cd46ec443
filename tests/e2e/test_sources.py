"""Cases that users told of, over the whole stack: five test leads in ten seconds, and 217 that nobody could take."""

import asyncio
import json

import pytest
from leadchain.assignment.v1 import assignment_service_pb2 as assignment
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import RefusalReason
from leadchain.notification.v1 import notification_service_pb2 as notification
from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub
from leadctl.clients import NotAnswered
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

STUCK = 217
NEW_REP = "rep-sansha"


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture
async def post_lead(known, posting):
    """Posts a form of somebody's; the lead's id. Numbers make other people, names and phones alike made up."""
    async with posting(known, "sources", ["website_form"]) as post:

        async def posted(number, city):
            person = (
                f"示例{'甲乙丙丁戊己庚辛壬癸'[number % 10]}{'东南西北中春夏秋冬'[number // 10 % 9]}"
            )
            fields = {
                "name": f"{person}{number}",
                "mobile": f"137{number:08d}",
                "city": city,
                "industry": "教育",
            }
            (lead_id,) = json.loads(await post("website_form", {"fields": fields})).values()
            return lead_id

        yield posted


async def state_of(known, lead_id):
    """How assignment has a lead; None before it is there."""
    request = assignment.GetAssignmentRequest(lead_id=lead_id)
    try:
        with known.asking("assignment") as channel:
            return await AssignmentServiceStub(channel).GetAssignment(request)
    except NotAnswered as problem:
        if problem.code == "NOT_FOUND":
            return None
        raise


async def put_rep(known, **named):
    """Describes the rep of the second case."""
    rep = assignment.Rep(rep_id=NEW_REP, manager_id="manager-south", provinces=["海南"], **named)
    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).PutReps(assignment.PutRepsRequest(reps=[rep]))


async def test_five_test_leads_are_assigned_and_notified_within_10_seconds(known, post_lead):
    async def is_told(lead_id):
        request = notification.ListRemindersRequest(lead_id=lead_id)
        with known.asking("notification") as channel:
            answer = await NotificationServiceStub(channel).ListReminders(request)
        return any(reminder.state == "delivered" for reminder in answer.reminders)

    lead_ids = [await post_lead(number, "深圳") for number in range(5)]

    async with asyncio.TaskGroup() as waiting:
        for lead_id in lead_ids:
            told = eventually(
                lambda each=lead_id: is_told(each), deadline_s=10, what="the reminder"
            )
            waiting.create_task(told)
    assert all([(await state_of(known, lead_id)).assignee_id for lead_id in lead_ids])


async def test_217_leads_stuck_for_a_missing_city_are_explained_repaired_in_bulk_and_drained(
    known, post_lead
):
    answer = await put_rep(known, active=True)
    assert [(gap.rep_id, gap.attribute) for gap in answer.gaps] == [(NEW_REP, "cities")]
    lead_ids = [await post_lead(1_000 + number, "三沙") for number in range(STUCK)]

    async def all_are(state):
        found = [await state_of(known, lead_id) for lead_id in lead_ids]
        return all(each is not None and each.state == state for each in found)

    await eventually(lambda: all_are("waiting"), deadline_s=60, what="217 leads that wait")
    with known.asking("assignment") as channel:
        asked = assignment.ExplainAssignmentRequest(lead_id=lead_ids[0])
        decisions = (await AssignmentServiceStub(channel).ExplainAssignment(asked)).decisions
    why = {refusal.rep_id: refusal for refusal in decisions[-1].refusals}[NEW_REP]
    assert why.reason == RefusalReason.REFUSAL_REASON_CITY_MISSING
    assert "city empty" in why.detail

    await put_rep(known, active=True, cities=["三沙"])

    await eventually(lambda: all_are("assigned"), deadline_s=60, what="owners of all of them")
    owners = {(await state_of(known, lead_id)).assignee_id for lead_id in lead_ids}
    assert owners == {NEW_REP}
    await put_rep(known, active=False, cities=["三沙"])
