"""What tests of imports share: the RPCs with streams, an uploader, and files."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest
import pytest_asyncio
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1 import privacy_service_pb2 as privacy
from leadchain.intake.v1.imports_service_pb2_grpc import ImportsServiceStub
from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import asyncpg
    from servicekit.service import Service

PART_BYTES = 262_144
OF_OWN_ACCOUNT = (
    "($1 = '' or account_id in (select account_id from accounts where starts_with(account, $1)))"
)
HEADER = ("线索ID", "姓名", "手机号", "公司", "城市", "想看的设备")
ENDED = (
    pb.IMPORT_STATE_FINISHED,
    pb.IMPORT_STATE_CANCELLED,
    pb.IMPORT_STATE_FAILED,
    pb.IMPORT_STATE_UNDONE,
)


@dataclass
class Uploader:
    """An operator with files, and what the database holds."""

    rpc: Any
    rows: asyncpg.Connection
    channel: str = "website_form"
    own: str = ""
    """How the names of its accounts begin; where others use the same service, their leads are not shown."""

    async def begin(self, content: bytes, **named: Any) -> pb.BeginImportResponse:
        """Announces a file."""
        request = pb.BeginImportRequest(
            channel=self.channel,
            account=f"{self.own}main",
            file_name=named.pop("file_name", "示例.csv"),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).digest(),
        )
        answer: pb.BeginImportResponse = await self.rpc.BeginImport(request, **named)
        return answer

    async def upload(self, content: bytes) -> str:
        """Announces and uploads a file; the import's id."""
        begun = await self.begin(content)
        if begun.state == pb.IMPORT_STATE_UPLOADING:
            await self.send(
                begun.import_id, parts_of(content)[begun.part_count :], begun.part_count
            )
        return str(begun.import_id)

    async def send(self, import_id: str, parts: Sequence[bytes], first: int = 0) -> Any:
        """Uploads parts."""
        requests = [
            pb.UploadImportRequest(import_id=import_id, part_number=number, content=part)
            for number, part in enumerate(parts, start=first)
        ]
        return await self.rpc.UploadImport(iter(requests))

    async def start(self, import_id: str, template: str = "") -> pb.ImportProgress:
        """Starts an import."""
        request = pb.StartImportRequest(import_id=import_id, template=template)
        return (await self.rpc.StartImport(request)).progress

    async def ended(self, import_id: str) -> pb.ImportProgress:
        """The import, once nothing moves any longer."""

        async def stands_still() -> pb.ImportProgress | None:
            answer = await self.rpc.GetImport(pb.GetImportRequest(import_id=import_id))
            return answer.progress if answer.progress.state in ENDED else None

        found = await eventually(stands_still, deadline_s=60, what="the import ends")
        assert found is not None
        return found

    async def imported(self, content: bytes, template: str = "") -> pb.ImportProgress:
        """A file from the upload to the end."""
        import_id = await self.upload(content)
        await self.start(import_id, template)
        return await self.ended(import_id)

    async def preview(self, import_id: str, **named: Any) -> tuple[list[Any], Any, list[Any]]:
        """Verdicts, the last message, the columns."""
        request = pb.PreviewImportRequest(import_id=import_id, **named)
        messages = [each async for each in self.rpc.PreviewImport(request)]
        verdicts = [verdict for each in messages for verdict in each.verdicts]
        return verdicts, messages[-1], list(messages[0].columns)

    async def errors(self, import_id: str) -> list[list[str]]:
        """The rows of the error file."""
        request = pb.ReadImportErrorsRequest(import_id=import_id)
        content = b"".join([each.content async for each in self.rpc.ReadImportErrors(request)])
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))

    async def items(self) -> list[asyncpg.Record]:
        """Every item, in order."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            f"select * from items where {OF_OWN_ACCOUNT} order by lead_id", self.own
        )
        return found

    async def leads(self) -> list[asyncpg.Record]:
        """Accepted items."""
        return [item for item in await self.items() if item["state"] == 2]

    async def kept_of(self, import_id: str) -> dict[str, list[asyncpg.Record]]:
        """Everything that is kept of an import itself, by table."""
        return {
            table: await self.rows.fetch(f"select * from {table} where import_id = $1", import_id)
            for table in ("imports", "import_parts", "import_chunks")
        }

    async def events(self, name: str) -> list[asyncpg.Record]:
        """Events of one type, in their order."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            f"""select key, payload from outbox where event_type = $2
            and ($1 = '' or key in (
                select lead_id::text from items where {OF_OWN_ACCOUNT}
                union all select import_id::text from imports where {OF_OWN_ACCOUNT}
            ))
            order by id""",
            self.own,
            f"leadchain.intake.v1.{name}",
        )
        return found


def port_of(service: Service) -> int:
    """Where a service answers RPCs."""
    return next(part.port for part in service._parts if isinstance(part, GrpcServer))  # noqa: SLF001


@asynccontextmanager
async def uploading(
    port: int, token: str, rows: asyncpg.Connection, *, own: str = ""
) -> AsyncIterator[Uploader]:
    """An operator with this token."""
    channel = connect(f"127.0.0.1:{port}", token=lambda: token, default_deadline_s=30)
    try:
        yield Uploader(ImportsServiceStub(channel), rows, own=own)
    finally:
        await channel.close()


@pytest.fixture
def uploader_of(keys: Any) -> Callable[..., Any]:
    """Makes an operator for a running intake."""

    def make(intake: Any, token: str | None = None) -> Any:
        return uploading(port_of(intake.service), token or keys.token("operator"), intake.rows)

    return make


@pytest_asyncio.fixture(loop_scope="module")
async def shared_uploader(shared_intake: Any, lasting_keys: Any) -> AsyncIterator[Uploader]:
    """An operator with accounts of this test's own at the module's lead-intake."""
    token, port = lasting_keys.token("operator"), shared_intake.grpc_port
    async with uploading(port, token, shared_intake.rows, own=shared_intake.own) as found:
        yield found


@pytest.fixture
async def uploader(intake: Any, uploader_of: Callable[..., Any]) -> AsyncIterator[Uploader]:
    async with uploader_of(intake) as found:
        yield found


async def suppress(port: int, token: str, phone: str) -> None:
    """Puts a person on the list of those who are to be left alone."""
    channel = connect(f"127.0.0.1:{port}", token=lambda: token, default_deadline_s=30)
    request = privacy.SuppressRequest(
        subjects=[privacy.Subject(phone=phone)],
        purpose=privacy.SUPPRESSION_PURPOSE_ALL,
        reason="asked",
    )
    try:
        await PrivacyServiceStub(channel).Suppress(request)
    finally:
        await channel.close()


def parts_of(content: bytes) -> list[bytes]:
    """A file in parts."""
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]


def lead(number: int, **named: str) -> list[str]:
    """A row of a made-up lead."""
    usual = {
        "id": f"L{number:06d}",
        "name": "赵示例",
        "phone": f"138{number:08d}",
        "company": f"示例{number}有限公司",
        "city": "深圳",
        "device": "测试台",
    }
    return list({**usual, **named}.values())


def csv_of(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER, **named: Any) -> bytes:
    """A CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=named.get("delimiter", ","))
    writer.writerows([header, *rows])
    return text.getvalue().encode(named.get("encoding", "utf-8-sig"))


def xlsx_of(rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> bytes:
    """A workbook as the spreadsheet library writes it."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (header, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def raw_xlsx(sheet: str | bytes, *, shared: Sequence[str] = (), prolog: str = "") -> bytes:
    """A workbook whose sheet is given as XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        archive.writestr(
            "xl/workbook.xml",
            f'{prolog}<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
            '<sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Type="sheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        texts = "".join(f"<si><t>{escape(each)}</t></si>" for each in shared)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{texts}</sst>')
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return out.getvalue()


@pytest.fixture
def files() -> Any:
    """The builders of this folder."""
    return _Files


class _Files:
    lead = staticmethod(lead)
    csv_of = staticmethod(csv_of)
    xlsx_of = staticmethod(xlsx_of)
    raw_xlsx = staticmethod(raw_xlsx)
    parts_of = staticmethod(parts_of)
    port_of = staticmethod(port_of)
    suppress = staticmethod(suppress)
    uploading = staticmethod(uploading)
    header = HEADER
