"""Killing each service in turn under load: no lead is lost, none is assigned twice, turns stay fair, owners know."""

import asyncio
import signal
from collections import Counter, defaultdict

import pytest
from leadchain.assignment.v1.assignment_service_pb2 import ExplainAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadctl.demo.deliveries import Kind
from leadctl.demo.environment import addresses
from leadctl.demo.reps_at_work import ReminderFile
from leadctl.installation import SERVICE_NAMES
from leadctl.ledger import current_ledger
from servicekit.testing.waiting import eventually

FIRST = AssignmentCause.ASSIGNMENT_CAUSE_FIRST
IN_TURN = {FIRST, AssignmentCause.ASSIGNMENT_CAUSE_CONTACT_OVERDUE}

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
    reminders = _reminders_of_owners(stack)
    leads = {*_leads(planned, outcome), *(each["lead_id"] for each in reminders)}
    explained = dict(await asyncio.gather(*(_decisions(known, lead_id) for lead_id in leads)))
    assert {_times_given(made) for made in explained.values()} == {1}
    _assert_fair_turns(explained)
    _assert_owners_told_once(explained, reminders)


async def _accepted_some(known):
    return (await current_ledger(known)).total.accepted_count > 20


def _leads(planned, outcome):
    asking = (Kind.NEW, Kind.AGAIN)
    return [
        receipt.item_id
        for receipt in outcome.receipts
        if receipt.item_id and planned.deliveries[receipt.place].kind in asking
    ]


async def _decisions(known, lead_id):
    with known.asking("assignment") as channel:
        explained = await AssignmentServiceStub(channel).ExplainAssignment(
            ExplainAssignmentRequest(lead_id=lead_id)
        )
    return lead_id, list(explained.decisions)


def _times_given(decisions):
    """How often it was decided who has the lead: to a first owner, or to the customer's open lead."""
    return sum(
        decision.outcome == "merged" or (decision.outcome, decision.cause) == ("assigned", FIRST)
        for decision in decisions
    )


def _assert_fair_turns(explained):
    """Whoever got a lead was furthest behind of those who could take it, and no turn was taken twice or left out."""
    turns = defaultdict(list)
    for decision in (each for made in explained.values() for each in made):
        if decision.outcome != "assigned" or decision.cause not in IN_TURN:
            continue
        refused = {each.rep_id for each in decision.refusals}
        could = {each.rep_id: each for each in decision.standings if each.rep_id not in refused}
        chosen = could[decision.assignee_id]
        assert chosen.share == min(each.share for each in could.values())
        turns[decision.rule_id, decision.assignee_id].append(chosen.turns_before)
    for taken in turns.values():
        assert sorted(taken) == list(range(min(taken), min(taken) + len(taken)))


def _reminders_of_owners(stack):
    """What reached people of the reminders that a lead is theirs, each under its id."""
    found = ReminderFile(addresses(stack).reminders_file).new_reminders()
    return [reminder for reminder in found if reminder["kind"] == "lead_assigned"]


def _assert_owners_told_once(explained, reminders):
    """Nobody was told of one assignment by two reminders, and whoever has a lead now was told."""
    told = Counter((each["lead_id"], each["assignment_no"]) for each in reminders)
    assert set(told.values()) == {1}
    recipients = {(each["lead_id"], each["recipient_id"]) for each in reminders}
    owners = {
        (lead_id, made[-1].assignee_id)
        for lead_id, made in explained.items()
        if made[-1].outcome == "assigned"
    }
    assert owners <= recipients
