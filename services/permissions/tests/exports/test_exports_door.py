"""Exports as exporters see them: who may export, page by page, and never an empty success."""

from typing import Any

import pytest
from accesskit.changes import PrincipalPut
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import exports_service_pb2 as pb
from permissions.commands.offboarding import offboard
from permissions.domain.offboarding import OffboardingRequest

from .conftest import Office, a_report

EXHAUSTED, FORBIDDEN, CONFLICT = "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "FAILED_PRECONDITION"


async def test_a_small_export_of_ones_own_needs_no_approval_and_bears_its_watermark(
    office: Office,
) -> None:
    await office.give("ana", 100)

    opened = await office.call("OpenExport", office.an_opening())

    export = opened.export
    page = await office.acquire(export)
    assert (opened.rows_left_today, opened.rows_until_approval) == (20_000, 80)
    assert (opened.approval_template, opened.page_rows_max) == ("continue_export", 2000)
    assert (page.rows, page.query_limit, page.is_degraded) == (50, 51, False)
    assert export.watermark == f"ana {export.decision_id} {export.export_id}" == page.watermark
    assert list(export.masked_fields) == list(page.masked_fields) == ["id_card"]


async def test_the_decision_behind_a_watermark_is_on_record(office: Office) -> None:
    await office.give("ana", 100)

    export = await office.open()

    [decision] = await office.entries("decision_made")
    [opening] = await office.entries("export_opened")
    assert decision["decision_id"] == opening["decision_id"] == export.decision_id
    assert (decision["wanted"], decision["outcome"]) == ("export_own", "allow")
    assert "won" not in str(opening)


async def test_opening_twice_is_opening_once(office: Office) -> None:
    opening = office.an_opening()

    first = await office.call("OpenExport", opening)
    second = await office.call("OpenExport", opening)
    opening.row_estimate = 51
    other = await office.refusal("OpenExport", opening)

    assert first.export == second.export
    assert other == ("ALREADY_EXISTS", "another export has this request id")
    assert len(await office.entries("export_opened")) == 1


@pytest.mark.parametrize(
    ("person", "scope", "resource", "code"),
    [
        ("bo", pb.EXPORT_SCOPE_ALL, "customer:", "no_relation"),
        ("bo", pb.EXPORT_SCOPE_TEAM, "customer:", "no_role"),
        ("bo", pb.EXPORT_SCOPE_RESOURCE, "report:r-1", "no_relation"),
        ("gov", pb.EXPORT_SCOPE_OWN, "customer:", "no_role"),
    ],
)
async def test_nobody_exports_what_the_policy_does_not_give_them(
    office: Office, person: str, scope: Any, resource: str, code: str
) -> None:
    type_, _, id_ = resource.partition(":")
    opening = office.an_opening(
        person, scope=scope, resource=changes_pb2.Entity(type=type_, id=id_)
    )

    assert await office.refusal("OpenExport", opening) == (FORBIDDEN, code)
    [refused] = await office.entries("export_refused")
    assert (refused["actor"], refused["code"]) == (person, code)


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": pb.EXPORT_SCOPE_UNSPECIFIED},
        {"row_estimate": 0},
        {"fields": []},
        {"fields": ["company", "company"]},
        {"filter_json": "[]"},
        {"filter_json": "{"},
        {"resource": changes_pb2.Entity(type="customer", id="c-1")},
        {"resource": changes_pb2.Entity(type="cus\u202etomer")},
        {"request_id": ""},
    ],
)
async def test_a_malformed_opening_is_refused(office: Office, changed: dict[str, Any]) -> None:
    refused = await office.refusal("OpenExport", office.an_opening(**changed))

    assert refused[0] == "INVALID_ARGUMENT"


async def test_a_stranger_speaks_for_nobody(office: Office) -> None:
    refused = await office.refusal("OpenExport", office.an_opening(), by="reporting")

    assert refused == (FORBIDDEN, "the caller may not speak for others")


async def test_a_report_leaves_with_the_governance_officers_approval_only_once(
    office: Office,
) -> None:
    report = changes_pb2.Entity(type="report", id="r-1")
    opening = office.an_opening(scope=pb.EXPORT_SCOPE_RESOURCE, resource=report)

    needed = await office.refusal("OpenExport", opening)
    opening.approval_id = await office.approved(opening)
    export = (await office.call("OpenExport", opening)).export
    opening.request_id = "another"
    again = await office.refusal("OpenExport", opening)

    assert needed == (
        FORBIDDEN,
        "approval_required: request approval export_data of export on report:r-1",
    )
    assert export.approval_id == opening.approval_id
    assert again == (FORBIDDEN, "approval_expired")


async def test_an_approval_is_good_for_the_filter_fields_and_rows_that_were_approved(
    office: Office,
) -> None:
    opening = office.an_export_of_all(100)
    opening.approval_id = await office.approved(opening)

    for name, value in (("row_estimate", 101), ("filter_json", "{}")):
        changed = pb.OpenExportRequest()
        changed.CopyFrom(opening)
        setattr(changed, name, value)
        assert await office.refusal("OpenExport", changed) == (FORBIDDEN, "out_of_scope")


async def test_an_approval_needs_the_second_factor_of_the_subject(office: Office) -> None:
    opening = office.an_export_of_all(100)
    opening.approval_id = await office.approved(opening)
    del opening.actor.amr[:]

    assert await office.refusal("OpenExport", opening) == (FORBIDDEN, "step_up_required")


async def test_a_page_has_at_most_2000_rows_and_more_is_refused(office: Office) -> None:
    export = await office.open_approved(5000)

    refused = await office.acquire_refusal(export, rows=2001)
    page = await office.acquire(export)

    assert refused == (EXHAUSTED, "page_rows: a page has at most 2000 rows; use pages")
    assert (page.rows, page.query_limit) == (2000, 2001)


async def test_the_same_page_asked_for_again_is_the_same_page(office: Office) -> None:
    export = await office.open_approved(5000)

    first, second = await office.acquire(export), await office.acquire(export)

    assert first == second
    assert await office.acquire_refusal(export, cursor="elsewhere") == (
        CONFLICT,
        "cursor_moved: the next page begins at the export's next_cursor",
    )


async def test_50_000_rows_page_through_within_the_budget(office: Office) -> None:
    await office.limit(rows_per_user_day=60_000)
    export = await office.open_approved(50_000)

    pages = await office.read_all(export, rows=50_000)
    closed = await office.call("CloseExport", pb.CloseExportRequest(export_id=export.export_id))

    assert pages == 25
    assert closed.export.status == pb.EXPORT_STATUS_COMPLETE
    assert closed.export.delivered_rows == 50_000


async def test_50_000_rows_beyond_the_budget_are_refused_before_anything_is_read(
    office: Office,
) -> None:
    opening = office.an_export_of_all(50_000)
    opening.approval_id = await office.approved(opening)

    refused = await office.refusal("OpenExport", opening)

    assert refused == (
        EXHAUSTED,
        "rows_per_user_day: 20000 of 20000 rows are left today; filter to as many, or continue tomorrow",
    )
    await office.limit(rows_per_user_day=60_000)
    assert (await office.call("OpenExport", opening)).export.status == pb.EXPORT_STATUS_OPEN


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"rows": 0}, pb.PAGE_OUTCOME_EMPTY),
        ({"rows": 0, "ok": False}, pb.PAGE_OUTCOME_FAILED),
        ({"rows": 7, "ok": False}, pb.PAGE_OUTCOME_FAILED),
    ],
)
async def test_an_empty_or_failed_page_is_never_a_success(
    office: Office, told: dict[str, Any], outcome: Any
) -> None:
    export = await office.open_approved(5000)
    page = await office.acquire(export)

    reported = await office.report(page, next_cursor="", **told)
    closed = await office.call("CloseExport", pb.CloseExportRequest(export_id=export.export_id))

    assert reported.outcome == outcome
    assert reported.export.next_cursor == ""
    assert closed.export.status == pb.EXPORT_STATUS_INCOMPLETE
    assert closed.export.end_reason == "last_page_missing"


async def test_a_failed_page_is_read_again_and_its_rows_count(office: Office) -> None:
    export = await office.open_approved(5000)
    await office.report(await office.acquire(export), 700, ok=False)

    page = await office.acquire(export)
    await office.report(page, 2000, next_cursor="c-2")

    opening = office.an_export_of_all(1)
    opening.approval_id = await office.approved(opening)
    assert (await office.call("OpenExport", opening)).rows_left_today == 20_000 - 2700


async def test_an_export_resumes_where_its_last_delivered_page_ended(office: Office) -> None:
    export = await office.open_approved(5000)
    await office.report(await office.acquire(export), 2000, next_cursor="c-2")

    stale = await office.acquire_refusal(export)
    page = await office.acquire(export, cursor="c-2")

    assert stale[0] == CONFLICT
    assert page.rows == 2000
    assert (await office.get(export)).export.next_cursor == "c-2"


async def test_after_the_last_page_there_is_none(office: Office) -> None:
    export = await office.open_approved(10)
    await office.report(await office.acquire(export), 9, next_cursor="")

    refused = await office.acquire_refusal(export)

    assert refused == (CONFLICT, "last_page_delivered: close the export")


async def test_an_export_has_no_more_rows_than_were_approved(office: Office) -> None:
    export = await office.open_approved(2500)
    await office.report(await office.acquire(export), 2000, next_cursor="c-2")
    page = await office.acquire(export, cursor="c-2")
    await office.report(page, 500, next_cursor="c-3")

    refused = await office.acquire_refusal(export, cursor="c-3")

    assert page.rows == 500
    assert refused[1].startswith("row_estimate: the export was opened for 2500 rows")


async def test_more_rows_than_were_reserved_are_booked_and_stop_the_export(office: Office) -> None:
    export = await office.open_approved(5000)
    page = await office.acquire(export, rows=10)

    refused = await office.refusal("ReportPage", a_report(page, 3000))

    assert refused == (EXHAUSTED, "page_overrun: 10 rows were reserved; the export is stopped")
    stopped = (await office.get(export)).export
    assert (stopped.status, stopped.end_reason) == (pb.EXPORT_STATUS_CANCELLED, "page_overrun")
    [failed] = await office.entries("export_page_failed")
    assert failed["rows"] == 3000


async def test_a_report_told_twice_counts_once(office: Office) -> None:
    export = await office.open_approved(5000)
    page = await office.acquire(export)

    first, second = await office.report(page, 2000), await office.report(page, 2000)
    other = await office.refusal("ReportPage", a_report(page, 1))

    assert first == second
    assert first.export.delivered_rows == 2000
    assert other == (CONFLICT, "the page has been reported otherwise")


async def test_rows_of_what_people_own_say_what_they_are_about(office: Office) -> None:
    export = await office.open_approved(5000)
    page = await office.acquire(export)

    refused = await office.refusal("ReportPage", a_report(page, 2000, resources=[]))

    assert refused == ("INVALID_ARGUMENT", "resources is missing or malformed")


async def test_each_row_of_an_export_of_ones_own_names_its_customer(office: Office) -> None:
    book = await office.give("ana", 100)
    page = await office.acquire(await office.open())

    refused = await office.refusal("ReportPage", a_report(page, 3, resources=book[:2]))
    reported = await office.report(page, 3, resources=book[:3])

    assert refused == ("INVALID_ARGUMENT", "resources is missing or malformed")
    assert reported.outcome == pb.PAGE_OUTCOME_DELIVERED


async def test_others_neither_see_nor_touch_an_export(office: Office) -> None:
    await office.give("ana", 100)
    export = await office.open()
    page = await office.acquire(export)
    by_id = {"export_id": export.export_id}

    for rpc, request in (
        ("GetExport", pb.GetExportRequest(**by_id)),
        ("CancelExport", pb.CancelExportRequest(**by_id)),
        ("CloseExport", pb.CloseExportRequest(**by_id)),
        ("AcquirePage", pb.AcquirePageRequest(**by_id)),
        ("ReportPage", a_report(page, 1)),
        ("HeartbeatPage", pb.HeartbeatPageRequest(lease_id=page.lease_id)),
        ("ReleasePage", pb.ReleasePageRequest(lease_id=page.lease_id)),
    ):
        assert (await office.refusal(rpc, request, by="bo"))[0] == "NOT_FOUND"
    listed = await office.call("ListExports", pb.ListExportsRequest(), by="bo")
    assert list(listed.exports) == []


async def test_superiors_and_governance_see_exports(office: Office) -> None:
    ids = [(await office.open()).export_id for _ in range(2)]

    for person in ("boss", "dee", "gov"):
        request = pb.ListExportsRequest(subject_id="ana")
        listed = await office.call("ListExports", request, by=person)
        assert [each.export_id for each in listed.exports] == ids[::-1]


async def test_governance_stops_an_export(office: Office) -> None:
    export = await office.open()
    request = pb.CancelExportRequest(export_id=export.export_id)

    from_anywhere = await office.refusal("CancelExport", request, by="boss")
    first = await office.call("CancelExport", request, by="gov")
    second = await office.call("CancelExport", request, by="gov")

    assert from_anywhere == (FORBIDDEN, "untrusted_device")
    assert first.export.status == pb.EXPORT_STATUS_CANCELLED
    assert first == second


async def test_nobody_exports_from_an_unknown_device(office: Office) -> None:
    opening = office.an_opening()
    opening.ClearField("actor")

    assert await office.refusal("OpenExport", opening, by="ana") == (FORBIDDEN, "untrusted_device")


async def test_exports_are_listed_page_by_page(office: Office) -> None:
    ids = [(await office.open(row_estimate=number + 1)).export_id for number in range(3)]

    first = await office.call("ListExports", pb.ListExportsRequest(page_size=2), by="ana")
    request = pb.ListExportsRequest(page_size=2, before_id=first.next_before_id)
    second = await office.call("ListExports", request, by="ana")

    assert [each.export_id for each in (*first.exports, *second.exports)] == ids[::-1]
    assert second.next_before_id == ""


async def test_a_stopped_export_takes_no_more_pages_and_its_exporter_hears_so(
    office: Office,
) -> None:
    await office.give("ana", 100)
    export = await office.open()
    page = await office.acquire(export)
    await office.call("CancelExport", pb.CancelExportRequest(export_id=export.export_id), by="ana")

    beat = await office.refusal("HeartbeatPage", pb.HeartbeatPageRequest(lease_id=page.lease_id))
    refused = await office.acquire_refusal(export)

    assert beat[0] == CONFLICT
    assert refused == (CONFLICT, "the export is cancelled")
    assert (await office.report(page, 1)).export.status == pb.EXPORT_STATUS_CANCELLED


async def test_whoever_leaves_exports_nothing_more(office: Office) -> None:
    await office.give("ana", 100)
    export = await office.open()
    page = await office.acquire(export)

    leaving = OffboardingRequest("leave-ana", "ana", "", "security", "sec")
    done = await offboard(office.database, leaving)

    assert done.report.export_count == 1
    assert await office.acquire_refusal(export) == (CONFLICT, "the export is cancelled")
    beat = await office.refusal("HeartbeatPage", pb.HeartbeatPageRequest(lease_id=page.lease_id))
    assert beat[0] == CONFLICT
    assert (await office.refusal("OpenExport", office.an_opening()))[0] == FORBIDDEN


@pytest.mark.parametrize(
    ("status", "epoch", "code"), [("suspended", 1, "suspended"), ("active", 2, "stale_epoch")]
)
async def test_whoever_lost_their_rights_gets_no_further_page(
    office: Office, status: Any, epoch: int, code: str
) -> None:
    await office.give("ana", 100)
    export = await office.open()
    await office.state(PrincipalPut("ana", "user", status, epoch))

    refused = await office.acquire_refusal(export)

    assert refused[0] == FORBIDDEN
    assert code in refused[1]
