"""`leadctl identity crosswalk`: whose row is it, is every row mapped, and how are a system's fields read?"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.identity.v1 import crosswalk_service_pb2 as pb
from leadchain.identity.v1.crosswalk_service_pb2_grpc import CrosswalkServiceStub
from rich.markup import escape
from servicekit.masking import mask_text

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from leadchain.identity.v1.crosswalk_service_pb2_grpc import CrosswalkServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

crosswalk_app = typer.Typer(
    help="Rows of other systems and the customers that they are.", no_args_is_help=True
)

SystemName = Annotated[str, typer.Argument(help="Such as kingdee.")]


@crosswalk_app.command()
def lookup(
    system: SystemName,
    key: Annotated[str, typer.Argument(help="The row's key there, as ticket/T-1 for other rows.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show whose a system's row is."""
    request = pb.LookUpKeyRequest(system=system, key=key)
    answer = run(services(target, token_file), _asked(lambda stub: stub.LookUpKey(request)))
    present(answer, _render_found, as_json=as_json)


@crosswalk_app.command()
def sources(
    customer: Annotated[str, typer.Argument(help="Golden ID or master id, also a former one.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the rows of all systems that are one customer; keys that are phone numbers are masked."""
    request = pb.ListSourcesRequest(customer_id=customer, page_size=1_000)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListSources(request)))
    present(answer, _render_sources, as_json=as_json)


@crosswalk_app.command()
def report(
    system: Annotated[str, typer.Option(help="Only this system.")] = "",
    missing: Annotated[int, typer.Option(min=1, max=1_000, help="So many a system.")] = 20,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say of each system how many of its rows have a Golden ID, and name those without; 1 if there are any."""
    request = pb.GetMappingReportRequest(system=system, missing_max=missing)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetMappingReport(request)))
    present(answer, _render_report, as_json=as_json)
    if any(each.mapped_count < each.row_count for each in answer.systems):
        raise typer.Exit(1)


@crosswalk_app.command("map")
def show_map(
    system: SystemName,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how a system's fields are read, and what it sends that nobody reads."""
    request = pb.GetFieldMapRequest(system=system)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetFieldMap(request)))
    present(answer, _render_map, as_json=as_json)


@crosswalk_app.command("check-map")
def check_map(
    file: Annotated[Path, typer.Argument(help="YAML: a system's field map.")],
    rows: Annotated[int, typer.Option(min=1, max=5_000, help="Try it on so many rows.")] = 1_000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check a field map and try it on rows that came lately; 1 if fields could not be read."""
    try:
        document = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    request = pb.CheckFieldMapRequest(document=document, row_max=rows)
    answer = run(services(target, token_file), _asked(lambda stub: stub.CheckFieldMap(request)))
    present(answer, _render_trial, as_json=as_json)
    if answer.misfits:
        raise typer.Exit(1)


def _asked(
    ask: Callable[[CrosswalkServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def asked(known: Services) -> T:
        with known.asking("identity") as connection:
            return await ask(CrosswalkServiceStub(connection))

    return asked


def _render_found(console: Console, answer: pb.LookUpKeyResponse) -> None:
    console.print(f"{answer.master_id}  {answer.golden_id}")
    _print_sources(console, [answer.source])


def _render_sources(console: Console, answer: pb.ListSourcesResponse) -> None:
    console.print(f"{answer.master_id}  {answer.golden_id}")
    _print_sources(console, answer.sources)
    if answer.next_page_token:
        console.print("and more")


def _print_sources(console: Console, rows: Iterable[pb.MappedSource]) -> None:
    table = plain_table("system", "key", "modified", "received", "verified", "deleted")
    for row in rows:
        table.add_row(
            row.system,
            escape(mask_text(row.key)),
            moment(row.modified_at),
            moment(row.received_at),
            moment(row.verified_at),
            moment(row.deleted_at),
        )
    console.print(table)


def _render_report(console: Console, answer: pb.GetMappingReportResponse) -> None:
    table = plain_table(
        "system", "rows", "mapped", "share", "joined", "why not",
        numbers=("rows", "mapped", "share", "joined"),
    )  # fmt: skip
    for each in answer.systems:
        reasons = ", ".join(f"{why.reason} {why.row_count}" for why in each.unmapped)
        table.add_row(
            each.system,
            str(each.row_count),
            str(each.mapped_count),
            _share(each.mapped_count, each.row_count),
            str(each.joined_count),
            reasons,
        )
    console.print(table)
    missing = [(each.system, row) for each in answer.systems for row in each.missing]
    if missing:
        rows = plain_table("system", "kind", "key", "received", "reason")
        for system, row in missing:
            key = escape(mask_text(row.key))
            rows.add_row(system, escape(row.entity), key, moment(row.received_at), row.reason)
        console.print(rows)


def _share(count: int, of: int) -> str:
    """A share in percent, rounded down: 100 % is said of all only."""
    return f"{count * 1000 // of / 10:.1f} %" if of else "-"


def _render_map(console: Console, answer: pb.GetFieldMapResponse) -> None:
    console.print(
        f"{answer.label_zh} ({answer.label_en}), keyed by {answer.key_label}, map version {answer.version}"
    )
    table = plain_table("kind", "field", "ours", "is", "written back", "words")
    for each in answer.fields:
        table.add_row(
            each.entity,
            escape(each.field),
            each.canonical,
            each.kind,
            "yes" if each.is_writable else "no",
            ", ".join(f"{word} → {ours}" for word, ours in sorted(each.words.items())),
        )
    console.print(table)
    if answer.unmapped:
        unread = plain_table("kind", "nobody reads", "rows", "last seen", numbers=("rows",))
        for field in answer.unmapped:
            name, seen = escape(field.field), moment(field.last_seen_at)
            unread.add_row(field.entity, name, str(field.row_count), seen)
        console.print(unread)


def _render_trial(console: Console, answer: pb.CheckFieldMapResponse) -> None:
    console.print(
        f"{answer.system} version {answer.version}: {answer.changed_row_count} of "
        f"{answer.row_count} rows would be read otherwise"
    )
    table = plain_table("what", "field", "rows", "reason", numbers=("rows",))
    for what, fields in (
        ("[red]unreadable[/]", answer.misfits),
        ("nobody reads", answer.unknown),
        ("filled", answer.filled),
    ):
        for each in fields:
            table.add_row(what, escape(each.field), str(each.row_count), each.reason)
    console.print(table)
