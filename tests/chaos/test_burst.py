"""A burst of leads in which everything is killed once: none lost, none twice, turns fair, reminders in time.

Contact is due after 15 minutes, so that no lead changes hands, and one rule lets every rep take every lead: turns can
then be counted over any prefix. The burst comes in waves, one for each victim, which is killed in the middle of it; the
next wave comes when all is well again, however long that takes on this machine. `CHAOS_LEADS` and `CHAOS_RATE` say how
many deliveries come (default 5,000), and how many in a second (default 50: two cores that also start killed processes
can carry that).
"""

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from uuid import UUID

import pytest
from leadchain.assignment.v1.assignment_service_pb2 import ExplainAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadctl.clients import NotAnswered
from leadctl.demo.checks import answer_problems, book_problems, ledger_problems
from leadctl.demo.environment import addresses, demo_stack, introduce_people, open_doors
from leadctl.demo.graph_leads import put_graph_leads
from leadctl.demo.reps_at_work import ReminderFile
from leadctl.demo.sender import send
from leadctl.demo.settling import read_books
from rich.console import Console
from servicekit.testing.waiting import eventually
from servicekit.v1.book_service_pb2 import BookState, ListBookItemsRequest
from servicekit.v1.book_service_pb2_grpc import BookServiceStub

LEADS = int(os.environ.get("CHAOS_LEADS", "5000"))
RATE_PER_S = float(os.environ.get("CHAOS_RATE", "50"))
KILLED_AFTER_SHARE = 0.6
"""How much of its wave has been answered when a victim is killed."""

OUTSIDE_MIN = 0.2
"""Which share of the leads must have been struck by no outage, for their times to say something."""

CONNECTIONS = 48
ASKING_AT_ONCE = 16
GOES_ON_WITHIN_S = 60.0
SETTLES_WITHIN_S = 300.0
"""More than the 156 s of the first four retries of a message that did not get through."""

REMINDED_WITHIN_S = 10.0
SHARES = (0.5, 0.99, 1.0)
UUID_TIME_SHIFT = 80
EVERYBODY = """
# Whoever asks from the islands waits: nobody at work covers them.
source_weights: {sem: 1.5, official_account: 1.0, social: 0.8, organic: 0.7, other: 0.5}
pools: [{id: hq, reps: all}]
fallback: {pool: hq, owner: rep-01}
rules:
  - {id: islands, when: {provinces: [海南]}, candidates: {cover: region, industries: any}, reps: all}
  - {id: everybody, candidates: {cover: any, industries: any}, reps: all}
"""
PATIENT = "contact_within_s: 900\nmax_hops: 2\n"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


@dataclass
class Run:
    """What was delivered, what broke meanwhile, and what the books say in the end."""

    plan: object
    receipts: list
    outages: list
    books: object


@pytest.fixture(scope="module")
def stack(place):
    folder = place / "burst"
    folder.mkdir(mode=0o711)
    (folder / "routing.yaml").write_text(EVERYBODY)
    (folder / "sla.yaml").write_text(PATIENT)
    files = {
        "ROUTING_RULES_FILE": str(folder / "routing.yaml"),
        "SLA_POLICY_FILE": str(folder / "sla.yaml"),
    }
    running = demo_stack(folder / "stack", settings={"assignment": files})
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))


async def test_a_burst_is_assigned_once_fairly_and_in_time_while_everything_is_killed_in_turn(
    stack, known, make_plan, broken, victims, capsys
):
    planned = make_plan(LEADS, seed=77)

    run = await delivered_while_breaking(stack, known, planned, broken, victims)
    decisions = await all_decisions(known, run.books.ledger)
    reminders = reminders_of_owners(stack)

    with capsys.disabled():
        tell(run, decisions, reminders)
    assert await problems(known, run) == []
    assert waiting_for(run.books) == {}
    assert_one_owner_or_a_reason(decisions)
    assert_fair_over_every_prefix(decisions)
    assert_each_owner_told_once(decisions, reminders)
    undisturbed = waits_s(run, reminders)
    assert len(undisturbed) > OUTSIDE_MIN * len(reminders)
    assert percentile(undisturbed, 0.99) < REMINDED_WITHIN_S


async def delivered_while_breaking(stack, known, planned, broken, victims):
    doors = await open_doors(known, stack)
    await introduce_people(known, stack)
    await put_graph_leads(addresses(stack).graph_api, planned.graph_bodies)
    bounds = [LEADS * number // len(victims) for number in range(len(victims) + 1)]
    receipts, outages = [], []
    for victim, (first, end) in zip(victims, pairwise(bounds), strict=True):
        kill = partial(broken, victim, rate_per_s=RATE_PER_S)
        answered, outage = await one_wave(planned.deliveries[first:end], doors, kill)
        receipts += [replace(receipt, place=first + receipt.place) for receipt in answered]
        outages.append(outage)
    expected = planned.expected().accepted
    with suppress(TimeoutError):  # the books then say what did not come to rest
        await eventually(lambda: is_at_rest(known, expected), deadline_s=SETTLES_WITHIN_S)
    return Run(planned, receipts, outages, await read_books(known))


async def one_wave(deliveries, doors, kill):
    """Delivers, and kills meanwhile; the receipts and the outage, once both are over."""
    answered = []

    async def kill_in_the_middle():
        await eventually(
            lambda: len(answered) >= KILLED_AFTER_SHARE * len(deliveries),
            deadline_s=GOES_ON_WITHIN_S,
            what="the middle of the wave",
        )
        return await kill()

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(
            send(
                deliveries,
                doors,
                rate_per_s=RATE_PER_S,
                connections=CONNECTIONS,
                arrived=answered.append,
            )
        )
        breaking = tasks.create_task(kill_in_the_middle())
    return sending.result(), breaking.result()


async def is_at_rest(known, accepted):
    """Whether every lead has been decided, granted and told."""
    try:
        books = await read_books(known)
    except NotAnswered:
        return False
    return books.ledger.total.accepted_count >= accepted and not waiting_for(books)


def waiting_for(books):
    """How many leads and reminders are on their way, by what they wait for."""
    ledger, owned = (
        books.ledger,
        [line for line in books.funnel.lines if line.outcome == "assigned"],
    )
    counts = {
        "a book": len(ledger.unreachable),
        "an owner": ledger.in_flight_count,
        "rights": ledger.total.assigned_count - sum(line.granted_count for line in owned),
        "a reminder": ledger.total.assigned_count - sum(line.reminded_count for line in owned),
        "a way to somebody": books.reminders.due_count,
    }
    return {what: count for what, count in counts.items() if count}


async def problems(known, run):
    """Deliveries answered wrongly, and where the books are not what the plan makes."""
    return [
        *answer_problems(run.plan, run.receipts),
        *ledger_problems(run.books.ledger, run.plan.expected()),
        *await book_problems(known, run.plan, run.receipts, run.books.ledger),
    ]


async def all_decisions(known, ledger):
    """Every decision about every lead that lead-intake handed on, by lead id."""
    leads = iter([lead_id for line in ledger.lines for lead_id in await handed_on(known, line)])
    found = {}

    async def ask():
        with known.asking("assignment") as channel:
            for lead_id in leads:
                request = ExplainAssignmentRequest(lead_id=lead_id)
                answer = await AssignmentServiceStub(channel).ExplainAssignment(request)
                found[lead_id] = list(answer.decisions)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(ASKING_AT_ONCE):
            tasks.create_task(ask())
    return found


async def handed_on(known, line):
    with known.asking("lead-intake") as channel:
        request = ListBookItemsRequest(channel=line.channel, hour=line.hour)
        page = await BookServiceStub(channel).ListBookItems(request)
    return [item.item_id for item in page.items if item.state == BookState.BOOK_STATE_PASSED]


def reminders_of_owners(stack):
    """What the people's own system took of the reminders that a lead is theirs, each under its id."""
    found = ReminderFile(addresses(stack).reminders_file).new_reminders()
    return [reminder for reminder in found if reminder["kind"] == "lead_assigned"]


def assert_one_owner_or_a_reason(decisions):
    """One decision for each lead: an owner, the open lead of the same customer, or why nobody can take it."""
    outcomes = {lead: [each.outcome for each in made] for lead, made in decisions.items()}
    assert {lead: made for lead, made in outcomes.items() if len(made) != 1} == {}
    for (decision,) in decisions.values():
        match decision.outcome:
            case "assigned":
                assert decision.assignee_id
            case "unassignable":
                assert decision.refusals
            case other:
                assert other == "merged"


def assert_fair_over_every_prefix(decisions):
    """No rep is more than one lead per weight ahead of another, and no turn was taken twice or left out.

    Each decision says how many turns everybody had had before it; their sum is its place among all decisions.
    """
    taken = [made for (made,) in decisions.values() if made.rule_id == "everybody"]
    places = sorted(sum(each.turns_before for each in made.standings) for made in taken)
    assert places == list(range(len(taken)))
    for made in taken:
        shares = [each.share for each in made.standings]
        assert max(shares) - min(shares) <= 1
        chosen = next(each for each in made.standings if each.rep_id == made.assignee_id)
        assert chosen.share == min(shares)
        assert chosen.turns_after == chosen.turns_before + 1


def assert_each_owner_told_once(decisions, reminders):
    """One reminder for each assignment, to its owner; a repeated delivery of one reminder is none of its own."""
    owners = {
        (lead, made.assignee_id)
        for lead, (made,) in decisions.items()
        if made.outcome == "assigned"
    }
    told = Counter((each["lead_id"], each["assignment_no"]) for each in reminders)
    assert set(told.values()) == {1}
    assert {(each["lead_id"], each["recipient_id"]) for each in reminders} == owners


def waits_s(run, reminders):
    """Seconds from acceptance to the owner's reminder, of the leads that no outage struck."""
    return sorted(
        wait_s
        for accepted_at_s, wait_s in map(journey, reminders)
        if not any(
            outage.strikes(
                accepted_at_s, told_at_s=accepted_at_s + wait_s, promised_s=REMINDED_WITHIN_S
            )
            for outage in run.outages
        )
    )


def journey(reminder):
    """When a lead was accepted, by its UUIDv7, in Unix seconds; and how long its owner's reminder then took."""
    accepted_at_s = (UUID(reminder["lead_id"]).int >> UUID_TIME_SHIFT) / 1000
    arrived_at_s = datetime.fromisoformat(reminder["arrived_at"]).timestamp()
    return accepted_at_s, arrived_at_s - accepted_at_s


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def tell(run, decisions, reminders):
    """Prints the figures of the run."""
    console, outside = Console(width=120), waits_s(run, reminders)
    everything = sorted(wait_s for _, wait_s in map(journey, reminders))
    console.print(f"\n{len(run.receipts)} deliveries at {RATE_PER_S:g}/s, {len(decisions)} leads")
    for name, waits in (("outside outages", outside), ("all", everything)):
        spread = ", ".join(f"p{share * 100:g} {percentile(waits, share):.2f} s" for share in SHARES)
        console.print(f"accepted to reminded, {name}: {len(waits)} leads, {spread}")
    for each in run.outages:
        healthy_s, drained_s = (
            moment - each.killed_at_s for moment in (each.healthy_at_s, each.drained_at_s)
        )
        console.print(f"{each.victim}: healthy after {healthy_s:.1f} s, drained {drained_s:.1f} s")
