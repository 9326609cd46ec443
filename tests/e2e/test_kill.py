"""Killing each service in turn under load: no lead is lost, and none is assigned twice."""

import asyncio
import signal

import pytest
from leadchain.assignment.v1.assignment_service_pb2 import ExplainAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadctl.demo.deliveries import Kind

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SERVICES = ("lead-intake", "identity", "assignment", "permissions", "notification", "reporting")


async def kill_each_in_turn(stack):
    for name in SERVICES:
        await asyncio.to_thread(stack.kill, name, signal.SIGKILL)
        await stack.start(name)


async def test_no_lead_is_lost_and_none_assigned_twice_when_services_are_killed(
    stack, known, make_plan, play
):
    planned = make_plan(600, seed=21)
    async with asyncio.TaskGroup() as tasks:
        performance = tasks.create_task(play(planned, rate_per_s=25.0))
        tasks.create_task(kill_each_in_turn(stack))
    outcome = performance.result()

    assert outcome.problems == []
    first_assignments = await asyncio.gather(
        *(_first_assignments(known, lead_id) for lead_id in _new_leads(planned, outcome))
    )
    assert set(first_assignments) == {1}


def _new_leads(planned, outcome):
    return [
        receipt.item_id
        for receipt in outcome.receipts
        if receipt.item_id and planned.deliveries[receipt.place].kind is Kind.NEW
    ][:200]


async def _first_assignments(known, lead_id):
    with known.asking("assignment") as channel:
        explained = await AssignmentServiceStub(channel).ExplainAssignment(
            ExplainAssignmentRequest(lead_id=lead_id)
        )
    return sum(
        decision.cause == AssignmentCause.ASSIGNMENT_CAUSE_FIRST and decision.outcome == "assigned"
        for decision in explained.decisions
    )
