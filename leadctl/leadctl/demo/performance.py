"""One performance on a running stack: prepare, deliver, let the reps work, wait, look at the books."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from leadctl.clients import Services
from leadctl.demo.checks import answer_problems, book_problems, ledger_problems
from leadctl.demo.deliveries import Kind
from leadctl.demo.environment import addresses, introduce_people, open_doors
from leadctl.demo.graph_leads import put_graph_leads
from leadctl.demo.reps_at_work import ReminderFile, RepsAtWork
from leadctl.demo.sender import send
from leadctl.demo.settling import settled, unsettled
from leadctl.ledger import current_latency
from leadctl.reps import all_reps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadchain.assignment.v1.assignment_service_pb2 import ListRepsResponse
    from leadchain.reporting.v1.reporting_service_pb2 import GetLatencyResponse

    from leadctl.demo.deliveries import Plan
    from leadctl.demo.progress import Watcher
    from leadctl.demo.sender import Door, Receipt
    from leadctl.demo.settling import Books
    from leadctl.stack.stack import Stack

CONNECTIONS = 48
GATEWAY = "engagement"
"""The service that may act for people."""
SINK_TIMEOUT_S = 5.0
SETTLE_BASE_S = 120.0
SETTLE_PER_LEAD_S = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen; `problems` is empty when everything is accounted for."""

    receipts: Sequence[Receipt]
    accepts_per_s: float
    books: Books
    reps: ListRepsResponse
    latency: GetLatencyResponse
    team: RepsAtWork
    sink: dict[str, Any]
    reminders_of_one: list[dict[str, Any]]
    problems: list[str]


async def perform(
    known: Services, stack: Stack, plan: Plan, watcher: Watcher, *, rate_per_s: float
) -> Outcome:
    """Play the whole plan and look at the books. Raises `NotAnswered` when a service is away for long."""
    doors = await open_doors(known, stack)
    await introduce_people(known, stack)
    await put_graph_leads(addresses(stack).graph_api, plan.graph_bodies)
    watcher.step("accounts, reps and recipients are registered")
    done = asyncio.Event()
    async with gateway(known, stack) as speaking, asyncio.TaskGroup() as tasks:
        team = _team(speaking, stack, plan, watcher)
        working = tasks.create_task(team.work(done))
        receipts, accepts_per_s = await _deliver(plan, doors, watcher, rate_per_s=rate_per_s)
        books = await _settle(known, plan, watcher)
        done.set()
        await working
    return Outcome(
        receipts=receipts,
        accepts_per_s=accepts_per_s,
        books=books,
        reps=await all_reps(known),
        latency=await current_latency(known),
        team=team,
        sink=await _told_by_sink(stack, "/stats"),
        reminders_of_one=await _reminders_about(stack, item_of(Kind.NEW, plan, receipts)),
        problems=await _problems(known, plan, receipts, books),
    )


def gateway(known: Services, stack: Stack) -> Services:
    """The services as the gateway asks them that speaks for people; an operator may not."""
    return Services(known.targets, stack.identities.mint(GATEWAY, scopes=[]))


def item_of(kind: Kind, plan: Plan, receipts: Sequence[Receipt]) -> str:
    """The id of the first website lead of this kind; empty when none was accepted."""
    places = (r for r in receipts if r.is_accepted and plan.deliveries[r.place].kind is kind)
    return next((receipt.item_id for receipt in places if receipt.item_id), "")


def _team(speaking: Services, stack: Stack, plan: Plan, watcher: Watcher) -> RepsAtWork:
    expected = plan.expected().assigned

    def noticed() -> None:
        watcher.reached("owners reminded", len(team.leads_reminded), expected)
        watcher.reached("customers contacted", team.contacted, expected)

    team = RepsAtWork(speaking, ReminderFile(addresses(stack).reminders_file), noticed)
    return team


async def _deliver(
    plan: Plan, doors: dict[str, Door], watcher: Watcher, *, rate_per_s: float
) -> tuple[list[Receipt], float]:
    """The receipts, and how many deliveries were durable in a second."""
    total = len(plan.deliveries)
    arrived = 0

    def note(_: Receipt) -> None:
        nonlocal arrived
        arrived += 1
        watcher.reached("deliveries answered", arrived, total)

    receipts = await send(
        plan.deliveries, doors, rate_per_s=rate_per_s, connections=CONNECTIONS, arrived=note
    )
    times = [receipt.answered_at_s for receipt in receipts if receipt.is_accepted]
    span_s = max(times) - min(times) if len(times) > 1 else 0.0
    return receipts, (len(times) - 1) / span_s if span_s else 0.0


async def _settle(known: Services, plan: Plan, watcher: Watcher) -> Books:
    last_told = ""

    def told(waiting_for: str) -> None:
        nonlocal last_told
        what = re.sub(r"\d+", "", waiting_for)
        if what != last_told:
            watcher.step(f"waiting for {waiting_for}")
        last_told = what

    deadline_s = SETTLE_BASE_S + SETTLE_PER_LEAD_S * len(plan.deliveries)
    return await settled(known, accepted=plan.expected().accepted, deadline_s=deadline_s, told=told)


async def _problems(
    known: Services, plan: Plan, receipts: Sequence[Receipt], books: Books
) -> list[str]:
    expected = plan.expected()
    problems = [*answer_problems(plan, receipts), *ledger_problems(books.ledger, expected)]
    if books.ledger.unreachable:
        return problems
    unrest = unsettled(books, expected.accepted)
    if unrest:
        problems.append(f"when the time was up, the run still waited for {unrest}")
    return [*problems, *await book_problems(known, plan, receipts, books.ledger)]


async def _reminders_about(stack: Stack, lead_id: str) -> list[dict[str, Any]]:
    told = await _told_by_sink(stack, f"/reminders?lead_id={lead_id}")
    return list(told["reminders"])


async def _told_by_sink(stack: Stack, path: str) -> dict[str, Any]:
    url = f"{addresses(stack).reminder_sink}{path}"
    timeout = aiohttp.ClientTimeout(total=SINK_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        told: dict[str, Any] = await answer.json()
        return told
