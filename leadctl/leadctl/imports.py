"""`leadctl import` and `leadctl imports`: files of leads, looked through, let in, and undone."""

from __future__ import annotations

import hashlib
import sys
from contextlib import nullcontext
from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from leadchain.intake.v1 import imports_service_pb2 as pb
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from leadctl.installation import Targets, Token, services
from leadctl.presentation import (
    AsJson,
    as_dict,
    complain,
    moment,
    plain_table,
    present,
    print_json,
    run,
    screen,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from grpc.aio import Channel
    from leadchain.intake.v1.import_events_pb2 import ImportCounts
    from leadchain.intake.v1.imports_service_pb2_grpc import ImportsServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

SERVICE = "lead-intake"
STREAM_DEADLINE_S = 590.0
UNDER_WAY = (pb.IMPORT_STATE_RUNNING, pb.IMPORT_STATE_UNDOING)

imports_app = typer.Typer(help="Files of leads that were imported.", no_args_is_help=True)

ImportId = Annotated[UUID, typer.Argument(help="The import.")]


def import_file(  # noqa: PLR0913, PLR0917 - each is an option of the command
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV or XLSX file.")],
    account: Annotated[str, typer.Option(help="The account that the leads belong to.")] = "main",
    channel: Annotated[str, typer.Option(help="Its channel.")] = "website_form",
    template: Annotated[str, typer.Option(help="How to read the columns; else the best.")] = "",
    rows: Annotated[int, typer.Option(min=0, help="Rows to preview; 0 for all.")] = 1000,
    target: Targets = None,
    token_file: Token = None,
    *,
    preview: Annotated[bool, typer.Option(help="Only say what would become of the rows.")] = False,
    wait: Annotated[bool, typer.Option(help="Show how it gets on until its end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Import a file of leads. May be repeated: the same file is imported once and goes on where it stopped."""
    request = _begin_request(file, channel, account)

    async def work(known: Services) -> pb.ImportProgress | None:
        import_id = await _uploaded(known, request, file, shows=not as_json)
        if preview:
            asked = pb.PreviewImportRequest(
                import_id=import_id, template=template, row_count_max=rows, all_rows=rows == 0
            )
            await _show_preview(known, asked, as_json=as_json)
            return None
        started = pb.StartImportRequest(import_id=import_id, template=template)
        with known.asking(SERVICE) as connection:
            answer = await _stub(connection).StartImport(started)
        return await _watched(known, import_id, shows=not as_json) if wait else answer.progress

    ended = run(services(target, token_file), work)
    if ended is not None:
        present(ended, _render_one, as_json=as_json)
        if ended.state == pb.IMPORT_STATE_FAILED:
            raise typer.Exit(1)


@imports_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """The latest imports, newest first."""

    async def work(known: Services) -> pb.ListImportsResponse:
        with known.asking(SERVICE) as connection:
            return await _stub(connection).ListImports(pb.ListImportsRequest())

    present(run(services(target, token_file), work), _render_list, as_json=as_json)


@imports_app.command()
def show(
    import_id: ImportId,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One import: where it stands and what became of its rows."""

    async def work(known: Services) -> pb.ImportProgress:
        with known.asking(SERVICE) as connection:
            request = pb.GetImportRequest(import_id=str(import_id))
            return (await _stub(connection).GetImport(request)).progress

    present(run(services(target, token_file), work), _render_one, as_json=as_json)


@imports_app.command()
def errors(
    import_id: ImportId,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; else standard output.")
    ] = None,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """The refused rows as a CSV file: row, reason, field, and what was uploaded. Only for who uploaded the file."""

    async def work(known: Services) -> None:
        request = pb.ReadImportErrorsRequest(import_id=str(import_id))
        with known.asking(SERVICE) as connection, _writing(out) as file:
            stream = _stub(connection).ReadImportErrors(request, timeout=STREAM_DEADLINE_S)
            async for piece in stream:
                file.write(piece.content)

    run(services(target, token_file), work)


@imports_app.command()
def undo(
    import_id: ImportId,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take back the leads that an import made, within seven days; those contacted stay with their owner."""

    async def work(known: Services) -> pb.ImportProgress:
        with known.asking(SERVICE) as connection:
            await _stub(connection).UndoImport(pb.UndoImportRequest(import_id=str(import_id)))
        return await _watched(known, str(import_id), shows=not as_json)

    present(run(services(target, token_file), work), _render_one, as_json=as_json)


@imports_app.command()
def cancel(
    import_id: ImportId,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Stop an import; what was let in stays. It can be resumed or undone."""

    async def work(known: Services) -> pb.ImportProgress:
        with known.asking(SERVICE) as connection:
            request = pb.CancelImportRequest(import_id=str(import_id))
            return (await _stub(connection).CancelImport(request)).progress

    present(run(services(target, token_file), work), _render_one, as_json=as_json)


@imports_app.command()
def resume(
    import_id: ImportId,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let a cancelled import go on where it stopped."""

    async def work(known: Services) -> pb.ImportProgress:
        with known.asking(SERVICE) as connection:
            await _stub(connection).StartImport(pb.StartImportRequest(import_id=str(import_id)))
        return await _watched(known, str(import_id), shows=not as_json)

    present(run(services(target, token_file), work), _render_one, as_json=as_json)


@imports_app.command()
def templates(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """What kinds of files are known."""

    async def work(known: Services) -> pb.ListImportTemplatesResponse:
        with known.asking(SERVICE) as connection:
            return await _stub(connection).ListImportTemplates(pb.ListImportTemplatesRequest())

    present(run(services(target, token_file), work), _render_templates, as_json=as_json)


def _begin_request(file: Path, channel: str, account: str) -> pb.BeginImportRequest:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").digest()
    return pb.BeginImportRequest(
        channel=channel,
        account=account,
        file_name=file.name,
        size_bytes=file.stat().st_size,
        sha256=digest,
    )


async def _uploaded(
    known: Services, request: pb.BeginImportRequest, file: Path, *, shows: bool
) -> str:
    """Announces the file and uploads what is missing of it; the import's id."""
    with known.asking(SERVICE) as connection:
        stub = _stub(connection)
        begun = await stub.BeginImport(request)
        if begun.state == pb.IMPORT_STATE_UPLOADING:
            with _bar(shows=shows) as bar:
                task = bar.add_task("uploading", total=request.size_bytes)
                parts = _parts(file, begun, bar, task)
                await stub.UploadImport(parts, timeout=STREAM_DEADLINE_S)
        return str(begun.import_id)


async def _parts(
    file: Path, begun: pb.BeginImportResponse, bar: Progress, task: TaskID
) -> AsyncIterator[pb.UploadImportRequest]:
    number = begun.part_count
    with file.open("rb") as opened:
        opened.seek(number * begun.part_bytes)
        while content := opened.read(begun.part_bytes):
            yield pb.UploadImportRequest(
                import_id=begun.import_id, part_number=number, content=content
            )
            number += 1
            bar.update(task, completed=number * begun.part_bytes)


async def _watched(known: Services, import_id: str, *, shows: bool) -> pb.ImportProgress:
    """How the import stands when nothing moves any longer; a bar until then."""
    progress = pb.ImportProgress(state=pb.IMPORT_STATE_RUNNING)
    with known.asking(SERVICE) as connection, _bar(shows=shows) as bar:
        task = bar.add_task("importing", total=1.0)
        while progress.state in UNDER_WAY:
            # A stream ends after ten minutes; the next goes on where it ended.
            request = pb.WatchImportRequest(import_id=import_id)
            stream = _stub(connection).WatchImport(request, timeout=STREAM_DEADLINE_S)
            async for each in stream:
                progress = each.progress
                bar.update(task, completed=progress.done_share, description=_said(progress))
    return progress


async def _show_preview(
    known: Services, request: pb.PreviewImportRequest, *, as_json: bool
) -> None:
    found = pb.PreviewImportResponse()
    with known.asking(SERVICE) as connection:
        stream = _stub(connection).PreviewImport(request, timeout=STREAM_DEADLINE_S)
        async for each in stream:
            found.MergeFrom(each)
    if as_json:
        print_json(as_dict(found))
    else:
        _render_preview(screen(), found)


def _render_preview(console: Console, found: pb.PreviewImportResponse) -> None:
    console.print(f"read as {found.template}")
    columns = plain_table("column", "says")
    for column in found.columns:
        columns.add_row(escape(column.header), column.field or "nothing")
    console.print(columns)
    table = plain_table("row", "outcome", "name", "phone", "region", "why", "same as")
    for verdict in found.verdicts:
        same = f"row {verdict.repeats_row}" if verdict.repeats_row else verdict.repeats_lead_id
        table.add_row(
            str(verdict.row_number),
            _word(pb.RowOutcome.Name(verdict.outcome), "ROW_OUTCOME_"),
            escape(verdict.name_display),
            verdict.phone_display,
            verdict.region,
            escape(f"{verdict.reason} {verdict.field}".strip()),
            same,
        )
    console.print(table)
    more = "; the file has more rows" if found.has_more_rows else ""
    console.print(_counted(found.totals) + more)


def _render_one(console: Console, one: pb.ImportProgress) -> None:
    state = _word(pb.ImportState.Name(one.state), "IMPORT_STATE_")
    console.print(f"{one.import_id}  {escape(one.file_name)}  {state}")
    console.print(f"{one.done_count} of {one.read_count} rows read: {_counted(one.counts)}")
    if one.rows_per_s:
        console.print(f"{one.rows_per_s:,.0f} rows a second")
    if one.withdrawn_count or one.kept_count:
        console.print(f"{one.withdrawn_count} leads withdrawn, {one.kept_count} had to stay")
    if one.problem:
        complain(one.problem)


def _render_list(console: Console, answer: pb.ListImportsResponse) -> None:
    table = plain_table("import", "announced", "account", "state", "rows", "file", folds=("file",))
    for one in answer.imports:
        table.add_row(
            one.import_id,
            moment(one.created_at),
            f"{one.channel}/{escape(one.account)}",
            _word(pb.ImportState.Name(one.state), "IMPORT_STATE_"),
            str(one.done_count),
            escape(one.file_name),
        )
    console.print(table if answer.imports else "nothing was imported")


def _render_templates(console: Console, answer: pb.ListImportTemplatesResponse) -> None:
    table = plain_table("template", "version", "title", "")
    for each in answer.templates:
        note = "experimental" if each.is_experimental else ""
        table.add_row(each.template, str(each.version), each.title, note)
    console.print(table)


def _counted(counts: ImportCounts) -> str:
    names = ("accepted", "updated", "duplicate", "rejected", "quarantined")
    return ", ".join(f"{getattr(counts, f'{name}_count')} {name}" for name in names)


def _said(progress: pb.ImportProgress) -> str:
    return f"{progress.done_count:,} rows, {progress.rows_per_s:,.0f}/s"


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _bar(*, shows: bool) -> Progress:
    """A bar on standard error, so that the output stays for programs."""
    from rich.console import Console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shows,
        transient=True,
    )


def _stub(connection: Channel) -> ImportsServiceAsyncStub:
    from leadchain.intake.v1.imports_service_pb2_grpc import ImportsServiceStub

    return ImportsServiceStub(connection)


def _writing(out: Path | None) -> AbstractContextManager[BinaryIO]:
    """The file to write, or standard output, which stays open."""
    return out.open("wb") if out is not None else nullcontext(sys.stdout.buffer)
