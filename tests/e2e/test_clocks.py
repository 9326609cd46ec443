"""The 15-minute fuse over the whole stack, with seconds for minutes: it runs in working hours, else it waits."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from leadchain.assignment.v1 import assignment_service_pb2 as pb
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadchain.assignment.v1.pool_service_pb2 import ListPoolRequest
from leadchain.assignment.v1.pool_service_pb2_grpc import PoolServiceStub
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1.leases_service_pb2 import LEASE_STATE_POOL, GetLeaseRequest
from leadchain.permissions.v1.leases_service_pb2_grpc import LeasesServiceStub
from leadctl.clients import NotAnswered
from leadctl.demo.environment import demo_stack
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SHANGHAI = ZoneInfo("Asia/Shanghai")
WITHIN_S = 2
EVERY_DAY = range(1, 8)
PLACES = {"open": "三沙", "closed": "海口"}
"""Where nobody else of the demonstration takes leads: one team each."""


@pytest.fixture(scope="module")
def stack(place):
    """A stack whose owners have seconds to make contact, and hand a lead on once."""
    folder = place / "clocks"
    folder.mkdir(mode=0o711)
    (folder / "sla.yaml").write_text(f"contact_within_s: {WITHIN_S}\nmax_hops: 1\n")
    settings = {"assignment": {"SLA_POLICY_FILE": str(folder / "sla.yaml")}}
    running = demo_stack(folder / "stack", settings=settings)
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))


@pytest.fixture
async def post_lead(known, posting):
    """Posts a form from the place of a team; the lead's id."""
    opens = datetime.now(SHANGHAI) + timedelta(days=2)
    shifts = {
        "open": pb.Shift(weekdays=EVERY_DAY, start="00:00", end="24:00"),
        "closed": pb.Shift(weekdays=[opens.isoweekday()], start="09:00", end="18:00"),
    }
    calendars = [pb.Calendar(name=name, shifts=[shift]) for name, shift in shifts.items()]
    team = [
        pb.Rep(
            rep_id=f"{name}-{number}",
            provinces=["海南"],
            cities=[PLACES[name]],
            calendar=name,
            shifts=[shifts["open"]],
            active=True,
        )
        for name in shifts
        for number in (1, 2)
    ]
    with known.asking("assignment") as channel:
        stub = AssignmentServiceStub(channel)
        await stub.PutCalendars(pb.PutCalendarsRequest(calendars=calendars))
        await stub.PutReps(pb.PutRepsRequest(reps=team))
    async with posting(known, "clocks", ["website_form"]) as post:

        async def posted(name, phone):
            fields = {"name": "赵示例", "mobile": phone, "city": PLACES[name], "industry": "教育"}
            (lead_id,) = json.loads(await post("website_form", {"fields": fields})).values()
            return lead_id

        yield posted


async def assignment_of(known, lead_id):
    """How assignment has a lead; None before it has an owner."""
    try:
        with known.asking("assignment") as channel:
            found = await AssignmentServiceStub(channel).GetAssignment(
                pb.GetAssignmentRequest(lead_id=lead_id)
            )
    except NotAnswered as problem:
        if problem.code == "NOT_FOUND":
            return None
        raise
    return found if found.state in {"assigned", "pooled"} else None


async def decisions_about(known, lead_id):
    with known.asking("assignment") as channel:
        asked = pb.ExplainAssignmentRequest(lead_id=lead_id)
        return (await AssignmentServiceStub(channel).ExplainAssignment(asked)).decisions


async def test_the_15_minute_fuse_hands_the_lead_on_within_working_hours(known, post_lead):
    lead_id = await post_lead("open", "13800138001")

    async def pooled():
        found = await assignment_of(known, lead_id)
        return found is not None and found.state == "pooled"

    await eventually(pooled, deadline_s=30, what="the end of the fuse")

    first, second, last = await decisions_about(known, lead_id)
    assert {first.assignee_id, second.assignee_id} == {"open-1", "open-2"}
    assert second.cause == AssignmentCause.ASSIGNMENT_CAUSE_CONTACT_OVERDUE
    assert (last.outcome, last.assignee_id) == ("pooled", "")
    times = [each.decided_at.ToDatetime(UTC) for each in (first, second, last)]
    waited_s = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert min(waited_s) >= WITHIN_S

    with known.asking("assignment") as channel:
        listed = (await PoolServiceStub(channel).ListPool(ListPoolRequest())).leads
    assert [(entry.lead_id, entry.previous_owner_id) for entry in listed] == [
        (lead_id, second.assignee_id)
    ]

    async def is_released():
        asked = GetLeaseRequest(resource=changes_pb2.Entity(type="lead", id=lead_id))
        with known.asking("permissions") as channel:
            answer = await LeasesServiceStub(channel).GetLease(asked)
        return answer.lease.state == LEASE_STATE_POOL

    await eventually(is_released, deadline_s=10, what="nobody's lease")


async def test_the_15_minute_fuse_waits_for_working_hours_outside_of_them(known, post_lead):
    waiting = await post_lead("closed", "13800138002")
    await eventually(lambda: assignment_of(known, waiting), deadline_s=30, what="an owner")

    handed_on = await post_lead("open", "13800138003")

    async def is_handed_on():
        found = await assignment_of(known, handed_on)
        return found is not None and found.assignment_no == 2

    await eventually(is_handed_on, deadline_s=30, what="the other team's second owner")
    still = await assignment_of(known, waiting)
    assert (still.state, still.assignment_no) == ("assigned", 1)
    due_at = still.contact_due_at.ToDatetime(UTC).astimezone(SHANGHAI)
    opening = due_at.replace(hour=9, minute=0, second=0, microsecond=0)
    assert due_at == opening + timedelta(seconds=WITHIN_S)
    assert due_at > datetime.now(SHANGHAI) + timedelta(days=1)
