"""`leadctl reps`: the people who can take leads, and how much each of them has."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.assignment.v1 import assignment_service_pb2 as pb
from rich.markup import escape

from leadctl.documents import load_entries
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from leadctl.clients import Services

reps_app = typer.Typer(help="The people who can take leads.", no_args_is_help=True)


@reps_app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="YAML with a list named reps.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create or change reps; waiting leads that they can take are assigned. Others stay as they are."""
    roster = load_roster(file)
    answer = run(services(target, token_file), lambda known: put_reps(known, roster))
    present(answer, _render_change, as_json=as_json)


@reps_app.command("import")
def import_table(
    file: Annotated[Path, typer.Argument(help="CSV with a header; one column is rep_id (工号).")],
    target: Targets = None,
    token_file: Token = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    clear_empty: Annotated[
        bool, typer.Option("--clear-empty", help="Let empty cells empty the attribute.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change the attributes that a table names, of many reps at once; the others stay, and so do empty cells."""
    from leadctl.rep_tables import load_table

    columns, reps = load_table(file)
    request = pb.ImportRepsRequest(
        reps=reps, columns=columns, clears_empty=clear_empty, is_dry_run=dry_run
    )
    answer = run(services(target, token_file), lambda known: import_reps(known, request))
    present(
        answer,
        lambda console, it: _render_import(console, it, is_dry_run=dry_run),
        as_json=as_json,
    )


@reps_app.command()
def check(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Name what reps' records lack of what rules in force ask for; exit code 1 when there is something."""
    answer = run(services(target, token_file), check_reps)
    present(answer, _render_gaps, as_json=as_json)
    if answer.gaps:
        raise typer.Exit(1)


@reps_app.command("calendars")
def calendars(
    file: Annotated[
        Path | None, typer.Argument(help="YAML with a list named calendars; without it, shows all.")
    ] = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create or change the calendars by which reps work, or show them."""
    known = services(target, token_file)
    if file is None:
        present(run(known, all_calendars), _render_calendars, as_json=as_json)
        return
    entries = load_entries(file, "calendars", pb.Calendar)
    answer = run(known, lambda there: put_calendars(there, entries))
    present(
        answer,
        lambda console, it: console.print(f"{it.changed_count} calendars changed"),
        as_json=as_json,
    )


@reps_app.command()
def away(
    rep_id: Annotated[str, typer.Argument(help="The rep.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    back: Annotated[bool, typer.Option("--back", help="The rep is there again.")] = False,
) -> None:
    """Note that a rep is away for a while, or back."""
    request = pb.ReportRepPresenceRequest(rep_id=rep_id, is_away=not back)
    run(services(target, token_file), lambda known: report_presence(known, request))


@reps_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every rep with what they cover, their open leads and the leads ever given to them."""
    present(run(services(target, token_file), all_reps), render_reps, as_json=as_json)


def load_roster(file: Path) -> list[pb.Rep]:
    """The reps in a YAML file, active unless it says otherwise; `typer.BadParameter` if unusable."""
    return load_entries(file, "reps", lambda: pb.Rep(active=True))


async def put_reps(known: Services, reps: Sequence[pb.Rep]) -> pb.PutRepsResponse:
    """Create or change reps; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).PutReps(pb.PutRepsRequest(reps=reps))


async def all_reps(known: Services) -> pb.ListRepsResponse:
    """Every rep with their load; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).ListReps(pb.ListRepsRequest())


async def import_reps(known: Services, request: pb.ImportRepsRequest) -> pb.ImportRepsResponse:
    """Change some attributes of many reps; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).ImportReps(request)


async def check_reps(known: Services) -> pb.CheckRepsResponse:
    """What reps lack; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).CheckReps(pb.CheckRepsRequest())


async def put_calendars(
    known: Services, calendars: Sequence[pb.Calendar]
) -> pb.PutCalendarsResponse:
    """Create or change calendars; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        request = pb.PutCalendarsRequest(calendars=calendars)
        return await AssignmentServiceStub(channel).PutCalendars(request)


async def all_calendars(known: Services) -> pb.ListCalendarsResponse:
    """Every calendar; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).ListCalendars(pb.ListCalendarsRequest())


async def report_presence(
    known: Services, request: pb.ReportRepPresenceRequest
) -> pb.ReportRepPresenceResponse:
    """Note that somebody is there, or away; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        return await AssignmentServiceStub(channel).ReportRepPresence(request)


def render_reps(console: Console, answer: pb.ListRepsResponse) -> None:
    """A row for each rep."""
    numbers = ("weight", "open", "given")
    texts = ("covers", "industries", "manager")
    table = plain_table("rep", *texts, *numbers, numbers=numbers, folds=texts)
    for load in answer.reps:
        rep = load.rep
        table.add_row(
            escape(rep.rep_id) + _standing(load),
            _listed(rep.cities) or "[yellow]no city[/]",
            _listed(rep.industries) or "all",
            escape(rep.manager_id) or "-",
            str(rep.weight or 1),
            str(load.open_count),
            str(load.assigned_count),
        )
    console.print(table)


def _listed(names: Sequence[str]) -> str:
    return escape(" ".join(names[:5]) + (" …" if len(names) > 5 else ""))


def _render_change(console: Console, answer: pb.PutRepsResponse) -> None:
    console.print(
        f"{answer.changed_count} reps changed, {answer.drained_count} waiting leads found an owner"
    )
    _render_lacking(console, answer.gaps)


def _render_import(console: Console, answer: pb.ImportRepsResponse, *, is_dry_run: bool) -> None:
    table = plain_table("rep", "attribute", "before", "after")
    for change in answer.changes:
        texts = (change.rep_id, change.column, change.before or "-", change.after or "-")
        table.add_row(*map(escape, texts))
    if table.row_count:
        console.print(table)
    would = "would be " if is_dry_run else ""
    console.print(
        f"{answer.created_count} reps {would}created, {answer.changed_count} {would}changed, "
        f"{answer.drained_count} waiting leads found an owner"
    )
    _render_lacking(console, answer.gaps)


def _render_gaps(console: Console, answer: pb.CheckRepsResponse) -> None:
    _render_lacking(console, answer.gaps)
    console.print(f"{answer.rep_count} reps, {len(answer.gaps)} gaps")


def _render_lacking(console: Console, gaps: Sequence[pb.RepGap]) -> None:
    for gap in gaps:
        rules = ", ".join(gap.rule_ids) or "no rule"
        console.print(f"{gap.rep_id} lacks {gap.attribute}: {rules} needs it", markup=False)


def _render_calendars(console: Console, answer: pb.ListCalendarsResponse) -> None:
    table = plain_table("calendar", "zone", "week", "days off", "make-up days")
    for calendar in answer.calendars:
        week = "; ".join(
            f"{','.join(map(str, shift.weekdays))} {shift.start}-{shift.end}"
            for shift in calendar.shifts
        )
        days = (" ".join(calendar.holidays), " ".join(day.date for day in calendar.working_days))
        table.add_row(escape(calendar.name), calendar.zone, week, *days)
    console.print(table)


def _standing(load: pb.RepLoad) -> str:
    """Why somebody gets no lead now; empty for one who does."""
    rep = load.rep
    if not rep.active:
        return f" ({rep.inactive_because or 'inactive'})"
    return " (away)" if load.is_away else ""
