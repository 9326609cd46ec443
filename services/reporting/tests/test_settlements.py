"""A month of follow-up rates is closed with two people's consent, stated, and corrected by another statement."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import grpc
import pytest
from leadchain.reporting.v1 import settlements_service_pb2 as pb
from leadchain.reporting.v1.settlement_events_pb2 import FollowUpRateSettled
from reporting.domain.rates import Tally
from reporting.domain.settlements import Month, SettledRate, compared
from servicekit.database import Database
from servicekit.errors import Invalid
from servicekit.testing.waiting import eventually

MONTH = "2026-02"


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code().name, refused.value.details() or ""


def settling(reporting: Any) -> Callable[..., Any]:
    """Closes a month over gRPC."""

    async def settle(approval_id: str = "", period: str = MONTH) -> Any:
        request = pb.SettleFollowUpRatesRequest(period=period, approval_id=approval_id)
        return await reporting.settlements.SettleFollowUpRates(request, timeout=5)

    return settle


async def test_a_month_is_closed_by_approval_stated_once_and_corrected_by_a_revision(
    reporting: Any, hearing: Any, a_lead: Callable[..., Any]
) -> None:
    # given: two assignments, one of them in time
    settle, done, undone = settling(reporting), a_lead(), a_lead()
    for event in (done.assigned(1), done.effective(4), undone.assigned(1, number=2)):
        await hearing.hears(event)
    await hearing.hears(undone.not_followed_up(2))

    # when: others have agreed
    _, why = await refusal(settle())
    asked = json.loads(why.partition("approval_required: ")[2])
    first, again = await settle("approved-1"), await settle("approved-1")

    # then: what was approved is closed, once
    assert (asked["resource"], asked["action"]) == ("settlement:2026-02", "publish")
    assert asked["params"]["sha256"] == first.settlement.sha256
    assert (first.settlement.settlement_no, first.settlement.revision) == (1, 1)
    assert (again.is_repeated, again.settlement) == (True, first.settlement)
    assert [(each.rep_id, each.rate_72h) for each in first.lines] == [("rep-01", 1), ("rep-02", 0)]

    # when: a late fact changes a figure
    await hearing.hears(undone.effective(6, 2, told_after_h=200))
    preview = await reporting.settlements.PreviewSettlement(
        pb.PreviewSettlementRequest(period=MONTH), timeout=5
    )
    assert (preview.revision, preview.running_count) == (2, 0)
    second = await settle("approved-2")

    # then: the correction is a statement of its own, with the difference
    assert (second.settlement.settlement_no, second.settlement.revision) == (2, 2)
    assert [each.within_72h_difference for each in second.lines] == [0, 1]
    events = await stated(reporting, 2)
    assert [(e.settlement_no, e.corrects_settlement_no) for e in events] == [(1, 0), (2, 1)]
    assert [hashlib.sha256(e.statement.encode()).hexdigest() for e in events] == [
        e.sha256 for e in events
    ]
    assert await kept(reporting) == {1: list(first.lines), 2: list(second.lines)}


async def stated(reporting: Any, count: int) -> list[Any]:
    """What was published of settlements, once there are so many."""

    async def enough() -> list[Any] | None:
        found: list[Any] = await reporting.stated(FollowUpRateSettled)
        return found if len(found) == count else None

    return await eventually(enough, what=f"{count} statements")


async def kept(reporting: Any) -> dict[int, list[Any]]:
    """The lines of every statement that is listed, by its number."""
    settlements = reporting.settlements
    listed = await settlements.ListSettlements(pb.ListSettlementsRequest(), timeout=5)
    numbers = [each.settlement_no for each in listed.settlements]
    asked = [pb.GetSettlementRequest(settlement_no=number) for number in numbers]
    found = [await settlements.GetSettlement(each, timeout=5) for each in asked]
    return {each.settlement.settlement_no: list(each.lines) for each in found}


async def test_a_month_is_closed_by_its_own_approval_once_all_is_due_and_for_good(
    reporting: Any, hearing: Any, a_lead: Callable[..., Any], database: Database
) -> None:
    settle, lead = settling(reporting), a_lead()
    await hearing.hears(lead.assigned(1))

    running = await refusal(settle("approved-1"))
    await hearing.hears(lead.not_followed_up())
    made_up = await refusal(settle("made-up"))
    await settle("approved-1")
    elsewhere = await refusal(settle("approved-1", "2026-03"))

    assert running == (
        "FAILED_PRECONDITION",
        "2026-02 cannot be settled yet: 1 of its assignments are not due",
    )
    assert {made_up[0], elsewhere[0]} == {"PERMISSION_DENIED"}
    for change in ("update settlements set settled_by = 'x'", "delete from settled_rates"):
        async with database.raw() as raw:
            with pytest.raises(asyncpg.RaiseError, match="never changed"):
                await raw.execute(change)


async def test_what_cannot_be_settled_or_found_is_refused(reporting: Any) -> None:
    settlements = reporting.settlements

    async def settle(period: str) -> tuple[str, str]:
        request = pb.SettleFollowUpRatesRequest(period=period, approval_id="approved-1")
        return await refusal(settlements.SettleFollowUpRates(request, timeout=5))

    assert await settle("2126-01") == (
        "FAILED_PRECONDITION",
        "2126-01 cannot be settled yet: it is not over",
    )
    assert (await settle("2026-13"))[0] == "INVALID_ARGUMENT"
    unknown = settlements.GetSettlement(pb.GetSettlementRequest(settlement_no=7), timeout=5)
    assert await refusal(unknown) == ("NOT_FOUND", "no settlement 7")


def test_a_month_begins_and_ends_by_the_clocks_of_its_zone() -> None:
    period = Month.parse("2026-12").period("Asia/Shanghai")

    assert period.since is not None
    assert period.since.isoformat() == "2026-12-01T00:00:00+08:00"
    assert period.until.isoformat() == "2027-01-01T00:00:00+08:00"


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-2", "2026-00", "0000-01", "2026-01-01", "二〇二六-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Month.parse(text)


def test_a_statement_compares_with_the_one_before_by_rep() -> None:
    before = [SettledRate("ana", 3, 0, 3, 2), SettledRate("bo", 1, 0, 1, 1)]
    now = {"ana": Tally(given=3, due_72h=3, within_72h=3), "cy": Tally(given=1, due_72h=1)}

    lines, is_same = compared(now, before)

    assert [(line.rep_id, line.due_difference, line.within_72h_difference) for line in lines] == [
        ("ana", 0, 1),
        ("bo", -1, -1),
        ("cy", 1, 0),
    ]
    assert not is_same
    unchanged = {
        "ana": Tally(given=3, due_72h=3, within_72h=2),
        "bo": Tally(given=1, due_72h=1, within_72h=1),
    }
    assert compared(unchanged, before)[1]
