"""`leadctl identity backfill`: brings in the customers of another system from a CSV file, from where it stopped."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.identity.v1 import backfills_service_pb2 as pb
from leadchain.identity.v1.backfills_service_pb2_grpc import BackfillsServiceStub
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, complain, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leadchain.identity.v1.backfills_service_pb2_grpc import BackfillsServiceAsyncStub
    from matchkit.tables import Row
    from rich.console import Console

    from leadctl.clients import Services

SERVICE = "identity"
BATCH_TIMEOUT_S = 60.0
MODIFIED_AT = "modified_at"
MODIFIED_BY = "modified_by"

backfills_app = typer.Typer(help="Backfills and what they refused.", no_args_is_help=True)

CsvFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV in UTF-8.")]
MapFile = Annotated[
    Path,
    typer.Option(
        "--map", exists=True, dir_okay=False, help="YAML: id column, and columns by field."
    ),
]
BackfillId = Annotated[str, typer.Argument(help="The backfill's id.")]
Page = Annotated[str, typer.Option("--page-token", help="Where the page before ended.")]


def backfill(  # noqa: PLR0913 - each is an argument of the command
    file: CsvFile,
    system: Annotated[str, typer.Option(help="The system whose rows these are, such as kingdee.")],
    column_map: MapFile,
    batch: Annotated[int, typer.Option(min=1, max=2000, help="Rows in one transaction.")] = 1000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Bring in a system's customers. Give the command again after an interruption: it goes on where it stopped.

    A field modified_at (ISO 8601) is when the row was changed in its system, modified_by who changed it.
    """
    from matchkit.tables import ColumnMap, TableInvalid

    try:
        columns = ColumnMap.load(column_map)
        total = sum(1 for _ in _rows(file, columns))
    except TableInvalid as problem:
        complain(str(problem))
        raise typer.Exit(2) from None
    opening = pb.OpenBackfillRequest(system=system, name=_digest(file), total_count=total)
    rows = _rows(file, columns)

    async def work(known: Services) -> pb.Backfill:
        with known.asking(SERVICE) as channel, _progress(total, is_shown=not as_json) as advance:
            stub: BackfillsServiceAsyncStub = BackfillsServiceStub(channel)
            opened = (await stub.OpenBackfill(opening)).backfill
            return await _put(stub, opened, rows, batch=batch, advance=advance)

    done = run(services(target, token_file), work)
    present(done, _render_one, as_json=as_json)


@backfills_app.command("list")
def list_backfills(
    page_token: Page = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Backfills, the latest first."""

    async def work(known: Services) -> pb.ListBackfillsResponse:
        with known.asking(SERVICE) as channel:
            stub: BackfillsServiceAsyncStub = BackfillsServiceStub(channel)
            return await stub.ListBackfills(pb.ListBackfillsRequest(page_token=page_token))

    present(run(services(target, token_file), work), _render_list, as_json=as_json)


@backfills_app.command()
def refused(
    backfill_id: BackfillId,
    page_token: Page = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The rows that were refused, and why."""
    request = pb.ListRefusedRowsRequest(backfill_id=backfill_id, page_token=page_token)

    async def work(known: Services) -> pb.ListRefusedRowsResponse:
        with known.asking(SERVICE) as channel:
            stub: BackfillsServiceAsyncStub = BackfillsServiceStub(channel)
            return await stub.ListRefusedRows(request)

    present(run(services(target, token_file), work), _render_refused, as_json=as_json)


@backfills_app.command()
def close(
    backfill_id: BackfillId,
    system: Annotated[str, typer.Option(help="Its system.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Let a backfill take no more rows; what it brought stays."""
    request = pb.CloseBackfillRequest(backfill_id=backfill_id, system=system)

    async def work(known: Services) -> None:
        with known.asking(SERVICE) as channel:
            stub: BackfillsServiceAsyncStub = BackfillsServiceStub(channel)
            await stub.CloseBackfill(request)

    run(services(target, token_file), work)


async def _put(
    stub: BackfillsServiceAsyncStub,
    opened: pb.Backfill,
    rows: Iterator[Row],
    *,
    batch: int,
    advance: Callable[[int], None],
) -> pb.Backfill:
    """Sends what is not done yet, batch by batch."""
    done = opened
    left = islice(rows, opened.done_count, None)
    advance(done.done_count)
    while messages := [_message(row) for row in islice(left, batch)]:
        request = pb.PutRowsRequest(
            backfill_id=opened.backfill_id,
            system=opened.system,
            first_row=done.done_count + 1,
            rows=messages,
        )
        done = (await stub.PutRows(request, timeout=BATCH_TIMEOUT_S)).backfill
        advance(done.done_count)
    return done


def _message(row: Row) -> pb.BackfillRow:
    fields = {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in row.fields.items()
        if value
    }
    message = pb.BackfillRow(source_key=row.id, actor=fields.pop(MODIFIED_BY, ""))
    if modified_at := fields.pop(MODIFIED_AT, ""):
        message.modified_at.FromDatetime(_moment(modified_at))
    message.fields.update(fields)
    return message


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a modified_at is not ISO 8601") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rows(file: Path, columns: object) -> Iterator[Row]:
    from matchkit.tables import read_rows

    return read_rows(file, columns)  # type: ignore[arg-type]


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return f"{file.name[:100]} {hashlib.file_digest(content, 'sha256').hexdigest()}"


@contextmanager
def _progress(total: int, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    parts = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*parts, disable=not is_shown, transient=True) as bar:
        task = bar.add_task("rows", total=total)
        yield lambda done: bar.update(task, completed=done)


def _render_one(console: Console, known: pb.Backfill) -> None:
    console.print(f"backfill {known.backfill_id} of {known.system}")
    console.print(
        f"{known.done_count} of {known.total_count} rows done: {known.new_count} new, {known.joined_count} joined,"
        f" {known.unchanged_count} unchanged, {known.refused_count} refused"
    )


def _render_list(console: Console, answer: pb.ListBackfillsResponse) -> None:
    columns = ("done", "of", "new", "joined", "unchanged", "refused")
    table = plain_table("backfill", "system", *columns, "last", numbers=columns)
    for each in answer.backfills:
        done = (each.done_count, each.total_count)
        found = (each.new_count, each.joined_count, each.unchanged_count, each.refused_count)
        shown = map(str, (*done, *found))
        table.add_row(each.backfill_id, each.system, *shown, moment(each.done_at))
    console.print(table if answer.backfills else "no backfills")
    _render_more(console, answer.next_page_token)


def _render_refused(console: Console, answer: pb.ListRefusedRowsResponse) -> None:
    table = plain_table("row", "reason", numbers=("row",))
    for each in answer.rows:
        table.add_row(str(each.row), each.reason)
    console.print(table if answer.rows else "no row was refused")
    _render_more(console, answer.next_page_token)


def _render_more(console: Console, token: str) -> None:
    if token:
        console.print(f"more: --page-token {token}")
