"""Waits until everything that was accepted has come to rest, or says what has not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadctl.clients import AWAY, NotAnswered
from leadctl.ledger import current_funnel, current_ledger
from leadctl.recipients import reminder_health

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadchain.notification.v1.notification_service_pb2 import GetReminderHealthResponse
    from leadchain.reporting.v1.reporting_service_pb2 import GetFunnelResponse, GetLedgerResponse

    from leadctl.clients import Services

ASK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Books:
    """What the services say at one time."""

    ledger: GetLedgerResponse
    funnel: GetFunnelResponse
    reminders: GetReminderHealthResponse


async def settled(
    known: Services, *, accepted: int, deadline_s: float, told: Callable[[str], None]
) -> Books:
    """The books once nothing moves any more; after the deadline, the books as they are then.

    `told` gets what is being waited for. A service that is away is waited for too; raises `NotAnswered` for one that
    refuses, or is still away after the deadline.
    """
    give_up_at_s = time.monotonic() + deadline_s
    while True:
        try:
            books = await read_books(known)
        except NotAnswered as failure:
            if failure.code not in AWAY or time.monotonic() > give_up_at_s:
                raise
            told(f"{failure.service} to be back")
        else:
            waiting_for = unsettled(books, accepted)
            if not waiting_for or time.monotonic() > give_up_at_s:
                return books
            told(waiting_for)
        await asyncio.sleep(ASK_EVERY_S)


async def read_books(known: Services) -> Books:
    """The books now; raises `NotAnswered`."""
    return Books(
        ledger=await current_ledger(known),
        funnel=await current_funnel(known),
        reminders=await reminder_health(known),
    )


def unsettled(books: Books, accepted: int) -> str:
    """What still moves, in words; empty when all is at rest: every owner reminded and in contact."""
    ledger, assigned = books.ledger, books.ledger.total.assigned_count
    owned = [line for line in books.funnel.lines if line.outcome == "assigned"]
    stages = {
        "reported": sum(line.lead_count for line in owned),
        "granted": sum(line.granted_count for line in owned),
        "reminded": sum(line.reminded_count for line in owned),
        "contacted": sum(line.contacted_count for line in owned),
    }
    if ledger.unreachable:
        return f"the book of {', '.join(ledger.unreachable)}"
    if ledger.total.accepted_count < accepted or ledger.in_flight_count:
        return f"{ledger.in_flight_count} of {ledger.total.accepted_count} leads on their way"
    if ledger.total.missing_count:
        return f"{ledger.total.missing_count} late leads that a book does not have"
    if books.reminders.due_count:
        return f"{books.reminders.due_count} reminders"
    behind = [
        f"{assigned - count} to be {stage}" for stage, count in stages.items() if count < assigned
    ]
    return ", ".join(behind)
