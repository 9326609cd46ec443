"""Telling people, over the whole stack: a card in WeCom, and a drill."""

import json
from contextlib import AsyncExitStack

import pytest
from leadchain.assignment.v1 import assignment_service_pb2 as assignment
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.notification.v1 import notification_service_pb2 as notification
from leadctl.demo.environment import introduce_people
from leadctl.drill.reminders import Plan, drilled
from leadctl.fakes.message_vendors import MessageVendors
from leadctl.recipients import put_recipients
from leadctl.reminders.accounts import put_accounts
from leadctl.reps import put_reps
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

REP = "rep-lhasa"
DRILLED = 50


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture
async def wecom(known):
    """A stand-in for WeCom, by which the one rep of a province is told."""
    vendors = MessageVendors()
    async with AsyncExitStack() as cleanup:
        http = HttpHost("127.0.0.1", 0, vendors)
        await http.start()
        cleanup.push_async_callback(http.stop)
        settings = {"corp_id": "ww1", "agent_id": "1000002", "secret": vendors.secret}
        account = notification.Account(
            account_id="lhasa",
            medium="wecom_app",
            url=f"http://127.0.0.1:{http.port}",
            settings=settings,
        )
        address = notification.Address(medium="wecom_app", to="zhaxi", account_id="lhasa")
        rep = {"rep_id": REP, "provinces": ["西藏"], "cities": ["拉萨"]}
        await put_accounts(known, [account])
        await put_recipients(known, [notification.Recipient(recipient_id=REP, addresses=[address])])
        await put_reps(known, [assignment.Rep(**rep, active=True)])
        yield vendors
        await put_reps(known, [assignment.Rep(**rep, active=False)])


async def test_a_lead_is_assigned_and_its_owner_told_in_wecom_within_10_seconds(
    known, posting, wecom
):
    async with posting(known, "reminders", ["website_form"]) as post:
        fields = {"name": "示例格", "mobile": "13800138004", "city": "拉萨", "industry": "教育"}
        (lead_id,) = json.loads(await post("website_form", {"fields": fields})).values()

        (message,) = await eventually(
            lambda: wecom.taken("wecom_app"), deadline_s=10, what="a card in WeCom"
        )

    with known.asking("assignment") as channel:
        request = assignment.GetAssignmentRequest(lead_id=lead_id)
        owned = await AssignmentServiceStub(channel).GetAssignment(request)
    assert (owned.assignee_id, message.to) == (REP, "zhaxi")
    assert "8004" in message.text
    assert "13800138004" not in message.text
    assert len(message.links) == 1


async def test_a_drill_tells_the_owner_of_every_lead(known, stack):
    plan = Plan(DRILLED, 250.0, {"wecom_app": 1.0, "smtp": 1.0}, think_s=0.2, rest_s=0.0)
    try:
        result = await drilled(known, stack, plan)
    finally:
        await introduce_people(known, stack)

    assert result["leads_accepted"] == DRILLED
    assert result["leads_untold"] == 0
    assert result["opened"] >= DRILLED
