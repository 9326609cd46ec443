"""The demonstration calls itself good only if every delivery is accounted for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from leadchain.notification.v1.notification_service_pb2 import GetReminderHealthResponse
from leadchain.reporting.v1.reporting_service_pb2 import (
    FunnelLine,
    GetFunnelResponse,
    GetLedgerResponse,
    LedgerLine,
    MissingLead,
)
from leadctl.demo.checks import answer_problems, ledger_problems
from leadctl.demo.deliveries import WEBSITE_FORM, Expected, Kind, plan
from leadctl.demo.sender import NO_ANSWER, Receipt
from leadctl.demo.settling import Books, unsettled
from leadctl.ledger import ledger_line

PLAN = plan(100, seed=1, at=datetime(2026, 1, 25, tzinfo=UTC))
EXPECTED = Expected(accepted=10, assigned=5, waiting=1, merged=1, rejected=2, quarantined=1)


def test_answers_as_they_must_be_are_no_problem() -> None:
    assert answer_problems(PLAN, _good_receipts()) == []


@pytest.mark.parametrize("status", [NO_ANSWER, 500, 401])
def test_a_good_delivery_that_is_not_taken_is_a_problem(status: int) -> None:
    receipts = _good_receipts()
    place = _place_of(Kind.NEW)
    receipts[place] = replace(receipts[place], status=status)

    [problem] = answer_problems(PLAN, receipts)

    assert f"delivery {place} was answered" in problem


def test_a_bad_signature_that_is_taken_is_a_problem() -> None:
    receipts = _good_receipts()
    place = _place_of(Kind.BAD_SIGNATURE)
    receipts[place] = replace(receipts[place], status=202)

    [problem] = answer_problems(PLAN, receipts)

    assert "bad signature" in problem


def test_a_repeat_with_another_id_is_a_problem() -> None:
    receipts = _good_receipts()
    place = _place_of(Kind.REPEATED)
    receipts[place] = replace(receipts[place], item_id="another")

    assert [p for p in answer_problems(PLAN, receipts) if "another id" in p]


def test_a_ledger_as_planned_is_no_problem() -> None:
    assert ledger_problems(GetLedgerResponse(total=_total()), EXPECTED) == []


def test_a_lead_in_the_public_pool_was_given_as_planned() -> None:
    total = _total(assigned_count=4, pooled_count=1)

    assert ledger_problems(GetLedgerResponse(total=total), EXPECTED) == []


def test_a_missing_lead_is_named() -> None:
    ledger = GetLedgerResponse(total=_total(assigned_count=4, missing_count=1))
    ledger.missing.append(
        MissingLead(lead_id="lead-1", present_in="identity", missing_in="assignment")
    )

    problems = ledger_problems(ledger, EXPECTED)

    assert "lead lead-1 is in identity and not in assignment" in problems
    assert "assigned is 4, and the plan makes 5" in problems


def test_a_ledger_that_does_not_add_up_or_misses_a_book_is_a_problem() -> None:
    crooked = GetLedgerResponse(total=_total(merged_count=3))
    unproved = GetLedgerResponse(total=_total(), unreachable=["identity"])

    assert "the line total does not add up" in ledger_problems(crooked, EXPECTED)
    assert ledger_problems(unproved, EXPECTED) == ["the book of identity could not be read"]


def test_the_run_is_settled_when_every_owner_is_granted_reminded_and_in_contact() -> None:
    def books(**counts: int) -> Books:
        line = FunnelLine(outcome="assigned", lead_count=5, granted_count=5, **counts)
        return Books(
            GetLedgerResponse(total=_total()),
            GetFunnelResponse(lines=[line]),
            GetReminderHealthResponse(),
        )

    assert unsettled(books(reminded_count=5, contacted_count=5), 10) == ""
    assert unsettled(books(reminded_count=5, contacted_count=3), 10) == "2 to be contacted"
    assert "on their way" in unsettled(books(reminded_count=5, contacted_count=5), 11)


def test_the_last_line_says_the_ledger_in_one_form() -> None:
    assert ledger_line(_total()) == (
        "ledger: accepted=10 assigned=5 pooled=0 waiting=1 merged=1 rejected=2 quarantined=1 missing=0"
    )


def _total(**changes: int) -> LedgerLine:
    counts = {
        "accepted_count": 10,
        "assigned_count": 5,
        "waiting_count": 1,
        "merged_count": 1,
        "rejected_count": 2,
        "quarantined_count": 1,
    }
    return LedgerLine(**(counts | changes))


def _good_receipts() -> list[Receipt]:
    receipts: list[Receipt] = []
    for place, delivery in enumerate(PLAN.deliveries):
        status = 401 if delivery.kind is Kind.BAD_SIGNATURE else 202
        first = place if delivery.repeats is None else delivery.repeats
        item_id = f"item-{first}" if delivery.channel == WEBSITE_FORM else ""
        receipts.append(Receipt(place, status, item_id, 0.0))
    return receipts


def _place_of(kind: Kind) -> int:
    return next(
        place
        for place, delivery in enumerate(PLAN.deliveries)
        if delivery.kind is kind and delivery.channel == WEBSITE_FORM
    )
