"""What keeps a system and a book of customers from leaving: budgets, leases, the breaker, and what was copied."""

import asyncio
import hashlib
from typing import Any

import grpc
import pytest
from accesskit.changes import FactPut
from accesskit.facts import Fact
from leadchain.permissions.v1 import exports_service_pb2 as pb
from permissions.commands import export_pages
from permissions.commands.exports import forget_old
from permissions.domain.exports import KEPT_DAYS

from .conftest import Office, customers

EXHAUSTED, FORBIDDEN, CONFLICT = "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "FAILED_PRECONDITION"
DAY_S = 86_400.0


def director(name: str) -> FactPut:
    return FactPut(Fact("role", "director", "member", "user", name))


async def acquired(
    office: Office, exports: list[pb.Export]
) -> tuple[list[pb.AcquirePageResponse], list[str]]:
    """The pages that exporters get who all ask at once, and the codes with which the others are refused."""
    asked = [office.acquire(export) for export in exports]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    pages = [each for each in answers if isinstance(each, pb.AcquirePageResponse)]
    refused = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    return pages, [each.code().name for each in refused]


async def test_parallel_exporters_do_not_overdraw_a_budget(office: Office) -> None:
    await office.limit(rows_per_user_day=5000)
    exports = [await office.open_approved(5000) for _ in range(16)]

    pages, refused = await acquired(office, exports)

    assert sorted(page.rows for page in pages) == [1000, 2000, 2000]
    assert refused == [EXHAUSTED] * 13


async def test_everybodys_exports_share_the_budget_of_the_day(office: Office) -> None:
    await office.limit(rows_per_day=3000)
    await office.state(director("bo"))
    by_dee = await office.open_approved(3000)
    by_bo = await office.open_approved(3000, actor=office.speaking_for("bo"))

    pages, _ = await acquired(office, [by_dee, by_bo])

    assert sorted(page.rows for page in pages) == [1000, 2000]


async def test_many_small_pages_count_as_much_as_few_large_ones(office: Office) -> None:
    await office.limit(rows_per_user_day=300)
    export = await office.open_approved(300)
    cursor = ""
    for number in range(3):
        page = await office.acquire(export, cursor=cursor, rows=100)
        cursor = f"c-{number}"
        await office.report(page, 100, next_cursor=cursor)

    opening = office.an_export_of_all(1)
    opening.approval_id = await office.approved(opening)
    refused = await office.refusal("OpenExport", opening)

    assert refused[1].startswith("rows_per_user_day: 0 of 300 rows are left today")


async def test_the_budget_is_whole_again_the_next_day(office: Office) -> None:
    await office.limit(rows_per_user_day=100)
    export = await office.open_approved(100)
    await office.report(await office.acquire(export), 60, next_cursor="c-2")
    await office.report(await office.acquire(export, cursor="c-2", rows=40), 30, next_cursor="c-3")

    office.now_s += DAY_S

    assert (await office.acquire(export, cursor="c-3")).rows == 10


async def test_a_crashed_exporter_gives_way_after_its_lease_and_its_rows_still_count(
    office: Office,
) -> None:
    await office.limit(rows_per_user_day=3000)
    export = await office.open_approved(3000)
    crashed = await office.acquire(export)
    office.now_s += 61

    another = await office.acquire(export)

    assert another.lease_id != crashed.lease_id
    assert another.rows == 1000
    [lapsed] = await office.entries("export_page_lapsed")
    assert (lapsed["page"], lapsed["rows"]) == (crashed.lease_id, 2000)


async def test_a_late_report_corrects_what_a_lapsed_lease_held(office: Office) -> None:
    await office.limit(rows_per_user_day=3000)
    export = await office.open_approved(3000)
    page = await office.acquire(export)
    office.now_s += 61

    reported = await office.report(page, 10, next_cursor="c-2")

    assert reported.was_late
    assert reported.outcome == pb.PAGE_OUTCOME_DELIVERED
    assert (await office.acquire(export, cursor="c-2")).rows == 2000
    assert (await office.get(export)).export.delivered_rows == 10


async def test_a_late_report_does_not_move_an_export_that_was_read_on(office: Office) -> None:
    export = await office.open_approved(5000)
    late = await office.acquire(export)
    office.now_s += 61
    await office.report(await office.acquire(export), 2000, next_cursor="c-2")

    reported = await office.report(late, 2000, next_cursor="elsewhere")

    assert (reported.export.next_cursor, reported.export.delivered_rows) == ("c-2", 2000)


async def test_a_heartbeat_keeps_a_page(office: Office) -> None:
    export = await office.open_approved(3000)
    page = await office.acquire(export)
    beat = pb.HeartbeatPageRequest(lease_id=page.lease_id)
    for _ in range(3):
        office.now_s += 59
        await office.call("HeartbeatPage", beat)

    assert (await office.acquire(export)).lease_id == page.lease_id
    office.now_s += 60
    assert (await office.refusal("HeartbeatPage", beat))[0] == CONFLICT


async def test_a_page_given_back_costs_nothing(office: Office) -> None:
    await office.limit(rows_per_user_day=2000)
    export = await office.open_approved(2000)
    request = pb.ReleasePageRequest(lease_id=(await office.acquire(export)).lease_id)
    await office.call("ReleasePage", request)
    await office.call("ReleasePage", request)

    assert (await office.acquire(export)).rows == 2000


async def test_the_worker_frees_what_nobody_comes_back_for(office: Office) -> None:
    await office.acquire(await office.open_approved(3000))

    assert not await export_pages.lapse(office.database, office.live)
    assert await office.entries("export_page_lapsed") == []
    office.now_s += 61
    assert not await export_pages.lapse(office.database, office.live)

    assert len(await office.entries("export_page_lapsed")) == 1


async def test_old_exports_are_forgotten_by_the_engine_and_stay_on_record(office: Office) -> None:
    export = await office.open()
    running = await office.open()
    await office.call("CancelExport", pb.CancelExportRequest(export_id=export.export_id))
    office.now_s += KEPT_DAYS * DAY_S + 1

    assert not await forget_old(office.database, now_s=office.now_s)

    await office.live.catch_up()
    known = {
        fact.resource_id for fact in office.live.engine.facts() if fact.resource_type == "export"
    }
    assert known == {running.export_id}
    assert (await office.get(export)).export.status == pb.EXPORT_STATUS_CANCELLED


async def breaker(office: Office, export: pb.Export) -> Any:
    return (await office.get(export)).breaker


async def opened_breaker(office: Office, **cost: float) -> pb.Export:
    """An export of 20,000 rows whose first pages strained the system."""
    export = await office.open_approved(20_000)
    cursor = ""
    for number in range(5):
        page = await office.acquire(export, cursor=cursor, rows=10)
        cursor = f"c-{number}"
        await office.report(page, 10, next_cursor=cursor, **cost)
    return (await office.get(export)).export


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        ({"response_ms": 4000.0}, "response_ms_mean"),
        ({"memory_peak_mb": 5000.0}, "memory_mb_peak"),
    ],
)
async def test_strained_exports_copy_small_pages_and_are_told_what_to_do(
    office: Office, cost: dict[str, float], reason: str
) -> None:
    export = await opened_breaker(office, **cost)

    page = await office.acquire(export, cursor=export.next_cursor)

    assert (page.rows, page.is_degraded, page.breaker) == (200, True, pb.BREAKER_STATE_OPEN)
    assert page.hint == "exports strain the system: filter, and copy a page"
    assert [each["reason"] for each in await office.entries("export_breaker")] == [reason]


async def test_one_slow_page_is_no_mean(office: Office) -> None:
    export = await office.open_approved(20_000)
    await office.report(await office.acquire(export), 9, next_cursor="c-1", response_ms=60_000.0)

    assert await breaker(office, export) == pb.BREAKER_STATE_CLOSED


async def test_too_many_requests_in_a_day_open_the_breaker_until_the_next(office: Office) -> None:
    await office.limit(requests_per_day=3)
    export = await opened_breaker(office)

    office.now_s += 301
    still = await office.acquire(export, cursor=export.next_cursor)
    await office.report(still, 10, next_cursor="c-9")
    office.now_s += DAY_S
    canary = await office.acquire(export, cursor="c-9")

    assert (still.is_degraded, still.breaker) == (True, pb.BREAKER_STATE_HALF_OPEN)
    assert (canary.is_degraded, canary.rows) == (False, 2000)


async def test_after_the_cool_down_one_page_tries_and_closes_the_breaker(office: Office) -> None:
    export = await opened_breaker(office, response_ms=4000.0)
    other = await office.open_approved(5000)
    office.now_s += 301

    canary = await office.acquire(export, cursor=export.next_cursor)
    beside = await office.acquire(other)
    await office.report(canary, 2000, next_cursor="c-9")

    assert (canary.rows, canary.breaker) == (2000, pb.BREAKER_STATE_HALF_OPEN)
    assert (beside.rows, beside.is_degraded) == (200, True)
    assert await breaker(office, export) == pb.BREAKER_STATE_CLOSED
    assert (await office.acquire(export, cursor="c-9")).rows == 2000
    told = [each["action"] for each in await office.entries("export_breaker")]
    assert told == ["export_breaker_opened", "export_breaker_half_opened", "export_breaker_closed"]


@pytest.mark.parametrize(
    "told", [{"rows": 2000, "response_ms": 4000.0}, {"rows": 0}, {"rows": 0, "ok": False}]
)
async def test_a_canary_that_does_not_do_well_opens_the_breaker_again(
    office: Office, told: dict[str, Any]
) -> None:
    export = await opened_breaker(office, response_ms=4000.0)
    office.now_s += 301
    canary = await office.acquire(export, cursor=export.next_cursor)

    await office.report(canary, **told)

    assert await breaker(office, export) == pb.BREAKER_STATE_OPEN
    office.now_s += 301
    assert await breaker(office, export) == pb.BREAKER_STATE_HALF_OPEN


async def test_a_canary_that_crashes_opens_the_breaker_from_its_lapse_on(office: Office) -> None:
    export = await opened_breaker(office, response_ms=4000.0)
    office.now_s += 301
    await office.acquire(export, cursor=export.next_cursor)
    office.now_s += 61

    after = await office.acquire(export, cursor=export.next_cursor)
    office.now_s += 300

    assert (after.is_degraded, after.breaker) == (True, pb.BREAKER_STATE_OPEN)
    assert await breaker(office, export) == pb.BREAKER_STATE_HALF_OPEN


async def test_a_canary_given_back_lets_another_page_try(office: Office) -> None:
    export = await opened_breaker(office, response_ms=4000.0)
    office.now_s += 301
    canary = await office.acquire(export, cursor=export.next_cursor)
    await office.call("ReleasePage", pb.ReleasePageRequest(lease_id=canary.lease_id))

    another = await office.acquire(export, cursor=export.next_cursor)

    assert (another.rows, another.is_degraded) == (2000, False)


async def copy_most(office: Office) -> pb.Export:
    """An export of ana's 100 customers, of which she has copied 80."""
    book = await office.give("ana", 100)
    export = await office.open(row_estimate=100)
    page = await office.acquire(export)
    assert page.rows == 80
    reported = await office.report(page, 80, next_cursor="c-2", resources=book[:80])
    return reported.export


async def test_who_copies_most_of_their_book_needs_an_approval_to_go_on(office: Office) -> None:
    export = await copy_most(office)

    refused = await office.acquire_refusal(export, cursor="c-2")

    assert refused == (
        FORBIDDEN,
        f"book_copied: request approval continue_export of continue on export:{export.export_id}",
    )
    [told] = await office.entries("export_page_refused")
    assert (told["code"], told["subject"]) == ("book_copied", "ana")


async def test_an_approved_export_of_the_whole_book_goes_on(office: Office) -> None:
    export = await copy_most(office)
    approval_id = await office.continuation(export)
    asked = {"cursor": "c-2", "approval_id": approval_id}

    without_factor = await office.acquire_refusal(export, **asked)
    actor = office.speaking_for("ana")
    page = await office.acquire(export, **asked, actor=actor)
    again = await office.acquire(export, **asked, actor=actor)
    other = await office.open(row_estimate=20)

    assert without_factor == (FORBIDDEN, "step_up_required")
    assert page.rows == 20
    assert again == page
    assert (await office.acquire_refusal(other, approval_id=approval_id, actor=actor))[1] == (
        "out_of_scope"
    )


async def test_many_exports_at_once_do_not_copy_more_of_a_book_than_one(office: Office) -> None:
    await office.give("ana", 100)
    exports = [await office.open() for _ in range(16)]

    pages, _ = await acquired(office, exports)

    assert sum(page.rows for page in pages) == 80


async def test_what_was_copied_counts_for_a_day_and_is_forgotten(office: Office) -> None:
    export = await copy_most(office)
    office.now_s += DAY_S + 1

    assert (await office.acquire(export, cursor="c-2")).rows == 20
    await export_pages.lapse(office.database, office.live)
    async with office.database.raw() as raw:
        assert await raw.fetchval("select count(*) from export_copies") == 0


async def test_what_was_copied_is_kept_as_hashes_only(office: Office) -> None:
    await copy_most(office)

    async with office.database.raw() as raw:
        rows = await raw.fetch("select resource_hash from export_copies")

    assert hashlib.sha256(b"customer:ana-0").digest() in {row[0] for row in rows}


async def test_who_copies_customers_of_many_owners_needs_an_approval(office: Office) -> None:
    await office.limit(distinct_owners_max=2)
    for owner in ("bo", "boss", "dee"):
        await office.give(owner, 1)
    await office.give("ana", 100)
    export = await office.open()
    page = await office.acquire(export, rows=10)
    await office.report(page, 3, next_cursor="c-2", resources=customers("bo-0", "boss-0", "dee-0"))

    refused = await office.acquire_refusal(export, cursor="c-2")

    assert refused[1].startswith("too_many_owners: request approval continue_export")
