"""Files as they come: encodings, workbooks, and everything that should not be let in."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import LeadReceived

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = f'<worksheet xmlns="{MAIN}"><sheetData>{{}}</sheetData></worksheet>'
TEXT_CELL = '<c r="{}1" t="inlineStr"><is><t>{}</t></is></c>'
HEAD = f'<row r="1">{TEXT_CELL.format("A", "姓名")}{TEXT_CELL.format("B", "手机")}</row>'
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def uploader(shared_uploader: Any) -> Any:
    return shared_uploader


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", "\t"), ("gb18030", ";"), ("utf-16", ",")],
)
async def test_text_is_read_in_the_encoding_and_with_the_delimiter_it_has(
    uploader: Any, files: Any, encoding: str, delimiter: str
) -> None:
    rows = [files.lead(n, name='赵"示例"', device="两\n行") for n in range(30)]
    content = files.csv_of(rows, encoding=encoding, delimiter=delimiter)

    ended = await uploader.imported(content)

    assert ended.counts.accepted_count == 30


async def test_a_line_of_another_encoding_costs_only_itself(uploader: Any, files: Any) -> None:
    good = files.csv_of([files.lead(n) for n in range(20)], encoding="utf-8")
    bad = ",".join(files.lead(50, name="钱示例")).encode("gb18030") + b"\r\n"
    more = ",".join(files.lead(51)).encode() + b"\r\n"

    ended = await uploader.imported(good + bad + more)

    assert (ended.counts.accepted_count, ended.counts.quarantined_count) == (21, 1)
    _, refused = await uploader.errors(ended.import_id)
    assert refused[:3] == ["22", "undecodable", "row"]


async def test_a_row_with_a_million_columns_or_a_nul_byte_is_refused_alone(
    uploader: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(1)], encoding="utf-8")
    content += b"," * 1_000_000 + b"\r\n"
    content += files.csv_of([files.lead(3)], files.lead(2, name="a\x00b"), encoding="utf-8")
    content += (",".join(files.lead(4)) + ",beyond\r\n").encode()

    ended = await uploader.imported(content)

    assert (ended.counts.accepted_count, ended.counts.quarantined_count) == (2, 3)
    errors = await uploader.errors(ended.import_id)
    assert [row[:3] for row in errors[1:]] == [
        ["3", "undecodable", "row"],
        ["4", "undecodable", "row"],
        ["6", "schema_drift", "cells beyond the header"],
    ]


async def test_numbers_dates_and_formulas_of_a_workbook_are_read_as_shown(
    uploader: Any, files: Any
) -> None:
    header = ("姓名", "手机", "提交时间", "预算")
    rows = [
        ["赵示例", 13800138001, datetime(2026, 1, 25, 13, 30), 1.5],  # noqa: DTZ001 - of a sheet
        [],
        ["=1+1", 13800138002.0, None, '=HYPERLINK("http://x")'],
    ]

    ended = await uploader.imported(files.xlsx_of(rows, header))

    received = [
        LeadReceived.FromString(each["payload"]).facts
        for each in await uploader.events("LeadReceived")
    ]
    assert ended.counts.accepted_count == 2
    shown = {each.phone_display: each for each in received}
    first, second = shown["138****8001"], shown["138****8002"]
    moment = first.inquired_at.ToDatetime(tzinfo=UTC)
    assert moment == datetime(2026, 1, 25, 5, 30, tzinfo=UTC)
    assert (first.budget, second.budget) == ("1.5", "")


async def test_the_number_of_a_refused_row_is_that_of_the_sheet(uploader: Any, files: Any) -> None:
    rows = '<row r="7"><c r="A7" t="s"><v>0</v></c><c r="B7"><v>1.3800138001E10</v></c></row>'
    rows += '<row r="9"><c r="A9" t="s"><v>0</v></c></row>'

    ended = await uploader.imported(files.raw_xlsx(SHEET.format(HEAD + rows), shared=["赵示例"]))

    assert ended.counts.accepted_count == 1
    assert (await uploader.errors(ended.import_id))[1][0] == "9"


async def test_the_error_file_gives_the_rows_back_and_computes_nothing(
    uploader: Any, files: Any
) -> None:
    evil = files.lead(
        1, id="", phone="", name="=cmd|' /C calc'!A0", company="+1", city="-1", device="@x"
    )
    ended = await uploader.imported(files.csv_of([evil, files.lead(2)]))

    header, refused = await uploader.errors(ended.import_id)

    assert header == ["row", "reason", "field", *files.header]
    assert refused[:3] == ["2", "no_contact_point", "contact"]
    assert refused[3:] == ["", "'=cmd|' /C calc'!A0", "", "'+1", "'-1", "'@x"]
    await uploader.rows.execute(
        "update imports set created_by = 'somebody else' where import_id = $1", ended.import_id
    )
    with pytest.raises(grpc.aio.AioRpcError) as not_theirs:
        await uploader.errors(ended.import_id)
    assert not_theirs.value.code() is grpc.StatusCode.PERMISSION_DENIED


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 50_000_000)
    return out.getvalue()


def many_entries() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}", b"")
    return out.getvalue()


def lying_bomb() -> bytes:
    """A bomb whose directory states a small size."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 50_000_000)
    small = (1000).to_bytes(4, "little")
    return out.getvalue().replace((50_000_000).to_bytes(4, "little"), small)


BILLION_LAUGHS = '<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;&b;&b;">]>'

REFUSED = {
    "a zip bomb": (bomb, "unpacks to far more"),
    "a bomb that lies": (lying_bomb, "unpacks to far more"),
    "many entries": (many_entries, "more than 1000 parts"),
    "an archive that is no workbook": (lambda: zipped("a.txt", b"a"), "no workbook"),
    "a damaged archive": (lambda: zipped("xl/workbook.xml", b"<a")[:-9], "damaged"),
    "an old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old or encrypted"),
    "a document": (lambda: b"%PDF-1.7\n", "PDF"),
    "something packed": (lambda: gzip.compress(b"a,b\n"), "packed"),
    "blank lines only": (lambda: b"\r\n\r\n \r\n"[:4], "no rows"),
    "a header without a contact": ("姓名,城市\n赵示例,深圳\n".encode, "no column"),
    "binary": (lambda: bytes(range(256)) * 10, "no text"),
    "quotes that do not end": (lambda: '姓名,手机\n"赵,138\n'.encode() + b"x\n" * 9, "does not end"),
    "too many columns": (("手机," + "a," * 600 + "\n1,2\n").encode, "more than 500 columns"),
}  # fmt: skip


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("kind", sorted(REFUSED))
async def test_a_file_that_cannot_be_imported_fails_with_its_reason(
    uploader: Any, kind: str
) -> None:
    make, reason = REFUSED[kind]
    import_id = await uploader.upload(make())

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await uploader.preview(import_id)
    await uploader.start(import_id)
    ended = await uploader.ended(import_id)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert ended.state == pb.IMPORT_STATE_FAILED
    assert reason in ended.problem
    assert reason in (refused.value.details() or "")
    assert await uploader.items() == []
    parts = "select count(*) from import_parts where import_id = $1"
    assert await uploader.rows.fetchval(parts, import_id) == 0


async def test_a_document_type_in_a_workbook_is_refused(uploader: Any, files: Any) -> None:
    ended = await uploader.imported(files.raw_xlsx(SHEET.format(HEAD), prolog=BILLION_LAUGHS))
    in_sheet = await uploader.imported(files.raw_xlsx(BILLION_LAUGHS + SHEET.format(HEAD)))

    assert ended.problem == in_sheet.problem == "the workbook declares a document type"


async def test_a_header_alone_is_an_import_of_no_rows(uploader: Any, files: Any) -> None:
    ended = await uploader.imported(files.csv_of([]))

    assert (ended.state, ended.done_count) == (pb.IMPORT_STATE_FINISHED, 0)


async def test_the_name_of_a_file_decides_nothing(uploader: Any, files: Any) -> None:
    content = files.xlsx_of([files.lead(1)])
    begun = await uploader.begin(content, file_name="示例.csv")
    await uploader.send(begun.import_id, files.parts_of(content))

    await uploader.start(begun.import_id)

    assert (await uploader.ended(begun.import_id)).counts.accepted_count == 1


async def test_a_failed_file_can_be_uploaded_anew(uploader: Any) -> None:
    content = "姓名,城市\n赵示例,深圳\n".encode()
    first = await uploader.imported(content)

    again = await uploader.begin(content)

    assert again.import_id != first.import_id
    assert again.state == pb.IMPORT_STATE_UPLOADING
