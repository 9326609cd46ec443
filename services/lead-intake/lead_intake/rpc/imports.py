"""ImportsService: files of leads, from the upload to the undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1.imports_service_pb2_grpc import (
    ImportsServiceServicer,
    add_ImportsServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Invalid, NotFound, Unauthenticated

from lead_intake.commands import imports as commands
from lead_intake.commands.imports import SpoolLimits
from lead_intake.domain.imports import PART_BYTES, NewImport
from lead_intake.importing.splitting import Splitter
from lead_intake.importing.templates import load_templates
from lead_intake.queries import imports as queries
from lead_intake.queries import imports_preview
from lead_intake.queries.imports_preview import Preview
from lead_intake.store import imports as store
from lead_intake.wire import imports as wire
from lead_intake.workers import importer
from lead_intake.workers.importer import Importer, forget_old_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from lead_intake.commands.keeping import Desk
    from lead_intake.domain.imports import ImportId
    from lead_intake.importing.templates import Template
    from lead_intake.settings import Settings
    from lead_intake.wire.imports import Part
    from lead_intake.workers.group_commit import GroupCommit

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.intake.v1.ImportsService"


def serve(chassis: Chassis, settings: Settings, desk: Desk, commits: GroupCommit) -> None:
    """Answers ImportsService on the chassis' gRPC host, and works imports off."""
    database, templates = chassis.database, load_templates()
    running = Importer(
        database, desk, templates, commits, rows_per_s_max=settings.import_rows_per_s_max
    )
    work = chassis.work("importer", running.step, idle_s=importer.IDLE_S)
    splitter = Splitter(database, desk.seals.ring, templates, on_chunks=work.wake)
    splitting = chassis.work("import splitter", splitter.step, idle_s=importer.IDLE_S)

    async def expire() -> bool:
        return await forget_old_files(database)

    def wake() -> None:
        splitting.wake()
        work.wake()

    chassis.work("import expiry", expire, idle_s=importer.EXPIRY_IDLE_S)
    limits = SpoolLimits(settings.import_bytes_max, settings.import_spool_bytes_max)
    office = Office(database, desk, templates, limits, wake)
    chassis.grpc.add(add_ImportsServiceServicer_to_server, ImportsServicer(office), SERVICE)


@dataclass(frozen=True, slots=True)
class Office:
    """What the RPCs of imports work with; `wake` is called when there is something to work off."""

    database: Database
    desk: Desk
    templates: Mapping[str, Template]
    limits: SpoolLimits
    wake: Callable[[], None]


class ImportsServicer(ImportsServiceServicer):
    """Files of leads, for operators."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._database = office.database
        self._ring = office.desk.seals.ring

    async def BeginImport(
        self, request: pb.BeginImportRequest, context: Context
    ) -> pb.BeginImportResponse:
        """Announces a file."""
        async with self._database.unit_of_work() as uow:
            account_id = await store.account_id(uow.raw, request.channel, request.account)
            if account_id is None:
                raise NotFound("no such account")
            name, size, digest = request.file_name, request.size_bytes, request.sha256
            new = NewImport(account_id, name, size, digest, _subject())
            one = await commands.begin_import(
                uow, new, seals=self._office.desk.seals, limits=self._office.limits
            )
        return pb.BeginImportResponse(
            import_id=str(one.import_id),
            part_count=one.part_count,
            part_bytes=PART_BYTES,
            state=wire.state(one.state),
        )

    async def UploadImport(
        self, request_iterator: AsyncIterator[pb.UploadImportRequest], context: Context
    ) -> pb.UploadImportResponse:
        """Takes the parts of a file."""
        first = await anext(aiter(request_iterator), None)
        if first is None:
            raise Invalid("an upload has at least one part")
        one = await commands.upload_parts(
            self._database,
            self._office.desk.seals,
            queries.parsed_import_id(first.import_id),
            _parts(first, request_iterator),
        )
        return pb.UploadImportResponse(part_count=one.part_count, state=wire.state(one.state))

    async def PreviewImport(
        self, request: pb.PreviewImportRequest, context: Context
    ) -> AsyncIterator[pb.PreviewImportResponse]:
        """Says what would become of the rows."""
        import_id = queries.parsed_import_id(request.import_id)
        asked = Preview(import_id, request.template, request.row_count_max, request.all_rows)
        office = self._office
        looked = imports_preview.preview_import(
            office.database, office.desk, office.templates, asked
        )
        async for batch in looked:
            yield wire.preview_response(batch)

    async def StartImport(
        self, request: pb.StartImportRequest, context: Context
    ) -> pb.StartImportResponse:
        """Lets the rows in."""
        import_id = queries.parsed_import_id(request.import_id)
        async with self._database.unit_of_work() as uow:
            await commands.start_import(
                uow, import_id, request.template, templates=self._office.templates
            )
        self._office.wake()
        return pb.StartImportResponse(progress=await self._progress(import_id))

    async def GetImport(
        self, request: pb.GetImportRequest, context: Context
    ) -> pb.GetImportResponse:
        """One import."""
        import_id = queries.parsed_import_id(request.import_id)
        return pb.GetImportResponse(progress=await self._progress(import_id))

    async def ListImports(
        self, request: pb.ListImportsRequest, context: Context
    ) -> pb.ListImportsResponse:
        """The latest imports."""
        page = await queries.list_imports(
            self._database, self._ring, page_size=request.page_size, page_token=request.page_token
        )
        return wire.list_response(page.imports, page.next_page_token)

    async def WatchImport(
        self, request: pb.WatchImportRequest, context: Context
    ) -> AsyncIterator[pb.WatchImportResponse]:
        """How an import gets on."""
        import_id = queries.parsed_import_id(request.import_id)
        async for standing in queries.watch_import(self._database, self._ring, import_id):
            yield pb.WatchImportResponse(progress=wire.progress(standing))

    async def CancelImport(
        self, request: pb.CancelImportRequest, context: Context
    ) -> pb.CancelImportResponse:
        """Stops an import."""
        import_id = queries.parsed_import_id(request.import_id)
        async with self._database.unit_of_work() as uow:
            await commands.cancel_import(uow, import_id)
        return pb.CancelImportResponse(progress=await self._progress(import_id))

    async def UndoImport(
        self, request: pb.UndoImportRequest, context: Context
    ) -> pb.UndoImportResponse:
        """Withdraws what an import made."""
        import_id = queries.parsed_import_id(request.import_id)
        async with self._database.unit_of_work() as uow:
            await commands.undo_import(uow, import_id, undone_by=_subject())
        self._office.wake()
        return pb.UndoImportResponse(progress=await self._progress(import_id))

    async def ReadImportErrors(
        self, request: pb.ReadImportErrorsRequest, context: Context
    ) -> AsyncIterator[pb.ReadImportErrorsResponse]:
        """The rows that were refused."""
        import_id = queries.parsed_import_id(request.import_id)
        pieces = queries.read_errors(self._database, self._ring, import_id, subject=_subject())
        async for piece in pieces:
            yield pb.ReadImportErrorsResponse(content=piece)

    async def ListImportTemplates(
        self, request: pb.ListImportTemplatesRequest, context: Context
    ) -> pb.ListImportTemplatesResponse:
        """What kinds of files are known."""
        return wire.templates_response(self._office.templates.values())

    async def _progress(self, import_id: ImportId) -> pb.ImportProgress:
        return wire.progress(await queries.get_import(self._database, self._ring, import_id))


async def _parts(
    first: pb.UploadImportRequest, rest: AsyncIterator[pb.UploadImportRequest]
) -> AsyncIterator[Part]:
    yield wire.part(first)
    async for request in rest:
        yield wire.part(request)


def _subject() -> str:
    caller = current_caller()
    if caller is None:
        raise Unauthenticated("missing")
    return caller.subject
