"""Whether the run may be called good: every delivery answered as it must be and found again in the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.v1.book_service_pb2 import ListBookItemsRequest
from servicekit.v1.book_service_pb2_grpc import BookServiceStub

from leadctl.demo.deliveries import FACEBOOK_LEADGEN, WEBSITE_FORM, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadchain.reporting.v1.reporting_service_pb2 import GetLedgerResponse, LedgerLine

    from leadctl.clients import Services
    from leadctl.demo.deliveries import Expected, Plan
    from leadctl.demo.sender import Receipt

PAGE_SIZE = 10_000
NAMED_MAX = 10
OUTCOMES = ("assigned", "pooled", "waiting", "merged", "rejected", "quarantined")


def answer_problems(plan: Plan, receipts: Sequence[Receipt]) -> list[str]:
    """What was answered otherwise than it must be: 401 to bad signatures, one id to repeats, 2xx to the rest."""
    problems = [_answer_problem(plan, receipts, receipt) for receipt in receipts]
    problems.append(
        None
        if len(receipts) == len(plan.deliveries)
        else f"{len(plan.deliveries) - len(receipts)} deliveries were never sent"
    )
    return _named([problem for problem in problems if problem])


def ledger_problems(ledger: GetLedgerResponse, expected: Expected) -> list[str]:
    """Where the ledger is not proved, does not add up, or differs from what the plan makes of itself."""
    if ledger.unreachable:
        return [f"the book of {name} could not be read" for name in ledger.unreachable]
    problems = [
        f"lead {lead.lead_id} is in {lead.present_in} and not in {lead.missing_in}"
        for lead in ledger.missing
    ]
    if ledger.in_flight_count:
        problems.append(f"{ledger.in_flight_count} leads are still on their way")
    problems += [
        f"the line {line.channel or 'total'} does not add up"
        for line in [*ledger.lines, ledger.total]
        if not _adds_up(line)
    ]
    for name, found in _as_planned(ledger.total).items():
        wanted = getattr(expected, name)
        if found != wanted:
            problems.append(f"{name} is {found}, and the plan makes {wanted}")
    return _named(problems)


async def book_problems(
    known: Services, plan: Plan, receipts: Sequence[Receipt], ledger: GetLedgerResponse
) -> list[str]:
    """Deliveries that were answered 2xx and are not on lead-intake's book. Raises `NotAnswered`."""
    on_book: dict[str, set[str]] = {WEBSITE_FORM: set(), FACEBOOK_LEADGEN: set()}
    for line in ledger.lines:
        on_book.setdefault(line.channel, set()).update(await _items(known, line))
    accepted = [receipt for receipt in receipts if receipt.is_accepted]
    lost = {receipt.item_id for receipt in accepted if receipt.item_id} - on_book[WEBSITE_FORM]
    problems = [f"delivery {item_id} was accepted and is on no book" for item_id in sorted(lost)]
    deliveries = [plan.deliveries[receipt.place] for receipt in accepted]
    taken = {one.body for one in deliveries if one.channel == FACEBOOK_LEADGEN}
    if len(taken) != len(on_book[FACEBOOK_LEADGEN]):
        count = len(on_book[FACEBOOK_LEADGEN])
        problems.append(f"{len(taken)} Facebook leads were accepted, {count} are on the book")
    return _named(problems)


def _answer_problem(plan: Plan, receipts: Sequence[Receipt], receipt: Receipt) -> str | None:
    delivery = plan.deliveries[receipt.place]
    if delivery.kind is Kind.BAD_SIGNATURE:
        if receipt.status == 401:
            return None
        return f"delivery {receipt.place} had a bad signature and was answered {receipt.status}"
    if not receipt.is_accepted:
        return f"delivery {receipt.place} was answered {receipt.status or 'by nobody'}"
    if delivery.channel == WEBSITE_FORM and not receipt.item_id:
        return f"delivery {receipt.place} was answered without an id"
    if delivery.repeats is not None and receipts[delivery.repeats].item_id != receipt.item_id:
        return f"delivery {receipt.place} repeats {delivery.repeats} and got another id"
    return None


def _as_planned(total: LedgerLine) -> dict[str, int]:
    """What the ledger counts of each outcome in a plan; whoever is in the public pool had owners who did not act."""
    names = ("accepted", *(name for name in OUTCOMES if name != "pooled"))
    counts = {name: getattr(total, f"{name}_count") for name in names}
    return counts | {"assigned": total.assigned_count + total.pooled_count}


def _adds_up(line: LedgerLine) -> bool:
    outcomes = sum(getattr(line, f"{name}_count") for name in OUTCOMES)
    return bool(line.accepted_count == outcomes + line.missing_count)


async def _items(known: Services, line: LedgerLine) -> set[str]:
    found: set[str] = set()
    request = ListBookItemsRequest(channel=line.channel, hour=line.hour, page_size=PAGE_SIZE)
    with known.asking("lead-intake") as channel:
        while True:
            page = await BookServiceStub(channel).ListBookItems(request)
            found.update(item.item_id for item in page.items)
            if len(page.items) < PAGE_SIZE:
                return found
            request.after_item_id = page.items[-1].item_id


def _named(problems: list[str]) -> list[str]:
    """The first ten; a count for the rest."""
    more = len(problems) - NAMED_MAX
    return [*problems[:NAMED_MAX], *([f"and {more} more like these"] if more > 0 else [])]
