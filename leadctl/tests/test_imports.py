"""`leadctl import` and `leadctl imports` against a service that says what a test wants."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1 import imports_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import Served, serving
from servicekit.errors import Conflict
from typer.testing import Result

IMPORT = "01a20073-1560-702f-bc7f-019744272e17"
PART_BYTES = 10


@dataclass
class _Imports(pb_grpc.ImportsServiceServicer):
    """Has two parts of a file already, imports it in two steps."""

    announced: list[pb.BeginImportRequest] = field(default_factory=list)
    parts: list[pb.UploadImportRequest] = field(default_factory=list)
    state: int = pb.IMPORT_STATE_UPLOADING
    ends_as: int = pb.IMPORT_STATE_FINISHED

    def progress(self, state: int, done: int) -> pb.ImportProgress:
        found = pb.ImportProgress(
            import_id=IMPORT,
            file_name="示例.csv",
            channel="website_form",
            account="main",
            state=state,
            read_count=9,
            done_count=done,
            done_share=done / 9,
            rows_per_s=4500,
        )
        found.counts.accepted_count = done
        if state == pb.IMPORT_STATE_FAILED:
            found.problem = "the workbook is damaged"
        return found

    async def BeginImport(self, request, _context):
        self.announced.append(request)
        return pb.BeginImportResponse(
            import_id=IMPORT, part_count=2, part_bytes=PART_BYTES, state=self.state
        )

    async def UploadImport(self, request_iterator, _context):
        self.parts += [each async for each in request_iterator]
        return pb.UploadImportResponse(part_count=9, state=pb.IMPORT_STATE_UPLOADED)

    async def PreviewImport(self, request, _context):
        first = pb.PreviewImportResponse(template=request.template or "generic_leads")
        first.columns.add(header="手机", field="phones")
        yield first
        last = pb.PreviewImportResponse(has_more_rows=True)
        last.verdicts.add(
            row_number=3,
            outcome=pb.ROW_OUTCOME_QUARANTINED,
            reason="no_contact_point",
            name_display="赵**",
        )
        last.totals.quarantined_count = 1
        yield last

    async def StartImport(self, _request, _context):
        return pb.StartImportResponse(progress=self.progress(pb.IMPORT_STATE_RUNNING, 0))

    async def WatchImport(self, _request, _context):
        yield pb.WatchImportResponse(progress=self.progress(pb.IMPORT_STATE_RUNNING, 4))
        yield pb.WatchImportResponse(progress=self.progress(self.ends_as, 9))

    async def GetImport(self, _request, _context):
        return pb.GetImportResponse(progress=self.progress(pb.IMPORT_STATE_FINISHED, 9))

    async def ListImports(self, _request, _context):
        return pb.ListImportsResponse(imports=[self.progress(pb.IMPORT_STATE_FINISHED, 9)])

    async def UndoImport(self, _request, _context):
        self.ends_as = pb.IMPORT_STATE_UNDONE
        return pb.UndoImportResponse()

    async def CancelImport(self, _request, _context):
        raise Conflict("the import is finished")

    async def ReadImportErrors(self, _request, _context):
        yield pb.ReadImportErrorsResponse(content=b"row,reason\r\n")
        yield pb.ReadImportErrorsResponse(content=b"3,no_contact_point\r\n")

    async def ListImportTemplates(self, _request, _context):
        template = pb.ImportTemplate(template="xiaohongshu_leads", version=1, is_experimental=True)
        return pb.ListImportTemplatesResponse(templates=[template])


@dataclass
class There:
    """The service, and commands that ask it."""

    served: Served
    imports: _Imports

    def run(self, *command: str) -> Result:
        """The command's end."""
        return self.served.run(app, *command)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    imports = _Imports()
    add = pb_grpc.add_ImportsServiceServicer_to_server
    with serving(tmp_path, (add, imports, "leadchain.intake.v1.ImportsService")) as served:
        yield There(served, imports)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "示例.csv"
    path.write_text("手机\n" + "13800138001\n" * 3)
    return path


def test_a_file_is_announced_uploaded_from_where_it_stopped_and_watched(
    there: There, file: Path
) -> None:
    shown = there.run("import", str(file), "--account", "main")

    content = file.read_bytes()
    (announced,) = there.imports.announced
    assert shown.exit_code == 0
    assert announced.sha256 == hashlib.sha256(content).digest()
    assert (announced.file_name, announced.size_bytes) == ("示例.csv", len(content))
    assert [each.part_number for each in there.imports.parts] == [2, 3, 4]
    assert b"".join(each.content for each in there.imports.parts) == content[2 * PART_BYTES :]
    assert "9 of 9 rows read: 9 accepted" in shown.output
    assert "4,500 rows a second" in shown.output


def test_a_file_that_was_imported_is_not_uploaded_again(there: There, file: Path) -> None:
    there.imports.state = pb.IMPORT_STATE_FINISHED

    shown = json.loads(there.run("import", str(file), "--json").output)

    assert there.imports.parts == []
    assert (shown["state"], shown["done_count"]) == ("IMPORT_STATE_FINISHED", 9)


def test_a_file_that_cannot_be_read_ends_with_1_and_its_reason(there: There, file: Path) -> None:
    there.imports.ends_as = pb.IMPORT_STATE_FAILED

    shown = there.run("import", str(file))

    assert shown.exit_code == 1
    assert "the workbook is damaged" in shown.output


def test_a_preview_shows_columns_verdicts_and_totals(there: There, file: Path) -> None:
    shown = there.run("import", str(file), "--preview", "--template", "generic_customers")

    assert shown.exit_code == 0
    assert "read as generic_customers" in shown.output
    assert "phones" in shown.output
    row = next(line for line in shown.output.splitlines() if "no_contact_point" in line)
    assert "quarantined" in row
    assert "1 quarantined; the file has more rows" in shown.output


def test_imports_are_listed_shown_and_undone(there: There) -> None:
    listed = there.run("imports", "list")
    shown = there.run("imports", "show", IMPORT)
    undone = there.run("imports", "undo", IMPORT)
    templates = there.run("imports", "templates")

    assert "website_form/main" in listed.output
    assert "finished" in shown.output
    assert "undone" in undone.output
    assert "experimental" in templates.output


def test_an_import_is_resumed_to_its_end(there: There) -> None:
    shown = there.run("imports", "resume", IMPORT)

    assert shown.exit_code == 0
    assert "finished" in shown.output


def test_a_refusal_is_one_line(there: There) -> None:
    shown = there.run("imports", "cancel", IMPORT)

    assert shown.exit_code == 1
    assert shown.output.splitlines() == ["lead-intake refused: the import is finished"]


def test_refused_rows_are_written_to_a_file(there: There, tmp_path: Path) -> None:
    out = tmp_path / "errors.csv"

    shown = there.run("imports", "errors", IMPORT, "--out", str(out))

    assert shown.exit_code == 0
    assert out.read_bytes() == b"row,reason\r\n3,no_contact_point\r\n"
