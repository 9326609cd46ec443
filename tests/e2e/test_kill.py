"""Killing each service in turn under load: no lead is lost, and none is assigned twice."""

import asyncio
import signal

import pytest
from leadchain.assignment.v1.assignment_service_pb2 import ExplainAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadctl.demo.deliveries import Kind
from leadctl.installation import SERVICE_NAMES
from leadctl.ledger import current_ledger
from servicekit.testing.waiting import eventually

FIRST = AssignmentCause.ASSIGNMENT_CAUSE_FIRST

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


async def kill_each_in_turn(stack, known):
    await eventually(lambda: _accepted_some(known), deadline_s=30, what="the first deliveries")
    for name in SERVICE_NAMES:
        await asyncio.to_thread(stack.kill, name, signal.SIGKILL)
        await stack.start(name)


async def test_no_lead_is_lost_and_none_assigned_twice_when_services_are_killed(
    stack, known, make_plan, play
):
    planned = make_plan(600, seed=21)
    async with asyncio.TaskGroup() as tasks:
        performance = tasks.create_task(play(planned, rate_per_s=25.0))
        tasks.create_task(kill_each_in_turn(stack, known))
    outcome = performance.result()

    assert outcome.problems == []
    given = await asyncio.gather(
        *(_times_given(known, lead_id) for lead_id in _leads(planned, outcome))
    )
    assert set(given) == {1}


async def _accepted_some(known):
    return (await current_ledger(known)).total.accepted_count > 20


def _leads(planned, outcome):
    asking = (Kind.NEW, Kind.AGAIN)
    return [
        receipt.item_id
        for receipt in outcome.receipts
        if receipt.item_id and planned.deliveries[receipt.place].kind in asking
    ]


async def _times_given(known, lead_id):
    """How often it was decided who has the lead: to a first owner, or to the customer's open lead."""
    with known.asking("assignment") as channel:
        explained = await AssignmentServiceStub(channel).ExplainAssignment(
            ExplainAssignmentRequest(lead_id=lead_id)
        )
    return sum(
        decision.outcome == "merged" or (decision.outcome, decision.cause) == ("assigned", FIRST)
        for decision in explained.decisions
    )
