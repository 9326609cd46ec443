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


def render_reps(console: Console, answer: pb.ListRepsResponse) -> None:
    """A row for each rep."""
    numbers = ("weight", "open", "given")
    texts = ("covers", "industries", "manager")
    table = plain_table("rep", *texts, *numbers, numbers=numbers, folds=texts)
    for load in answer.reps:
        rep = load.rep
        table.add_row(
            escape(rep.rep_id) + ("" if rep.active else " (inactive)"),
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
