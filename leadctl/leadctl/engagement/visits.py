"""`leadctl visits`: in which order to visit customers."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.engagement.v1 import visits_service_pb2 as pb
from leadchain.engagement.v1.visits_service_pb2_grpc import VisitsServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

visits_app = typer.Typer(help="Days of visits (排期).", no_args_is_help=True)

_BETWEEN = "-"
DATUM = "wgs84"


@visits_app.callback()
def visits() -> None:
    """Days of visits (排期)."""


@visits_app.command()
def plan(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    rep_id: Annotated[str, typer.Argument(help="Whose day it is: you, or whom you lead.")],
    lead_ids: Annotated[list[str], typer.Argument(help="UUIDs of the leads to visit, up to 25.")],
    start: Annotated[str, typer.Option(help="Where the day starts: LATITUDE,LONGITUDE.")],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day.")],
    datum: Annotated[str, typer.Option(help="Of the start: wgs84 or gcj02.")] = DATUM,
    hours: Annotated[str, typer.Option(help="When the rep works: 09:00-18:30.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    returning: Annotated[bool, typer.Option(help="Whether the day ends where it starts.")] = False,
    as_json: AsJson = False,
) -> None:
    """The best order of visits, with times; what cannot be visited is named with the reason (AS-17)."""
    request = pb.PlanVisitsRequest(rep_id=rep_id, day=f"{day:%Y-%m-%d}", is_return=returning)
    request.start.latitude, request.start.longitude = _coordinates(start)
    request.start.datum = datum
    for lead_id in lead_ids:
        request.visits.add(lead_id=lead_id)
    if hours:
        request.working.since, _, request.working.until = hours.partition(_BETWEEN)

    async def work(known: Services) -> pb.PlanVisitsResponse:
        with known.asking("engagement") as channel:
            return await VisitsServiceStub(channel).PlanVisits(request)

    present(run(services(target, token_file), work), _render, as_json=as_json)


def _coordinates(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = map(float, text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not LATITUDE,LONGITUDE") from None
    return latitude, longitude


def _render(console: Console, answer: pb.PlanVisitsResponse) -> None:
    table = plain_table("arrives", "begins", "leaves", "way min", "visit min", "length by", "lead")
    for each in answer.visits:
        way = f"{each.travel_s // 60}{'?' if each.is_travel_estimated else ''}"
        source = pb.VisitLengthSource.Name(each.length_source)
        by = source.removeprefix("VISIT_LENGTH_SOURCE_").lower()
        times = (each.arrives_at, each.begins_at, each.leaves_at)
        table.add_row(*map(moment, times), way, str(each.length_s // 60), by, each.lead_id)
    if answer.visits:
        console.print(f"sets out {moment(answer.leaves_at)}")
    console.print(table if answer.visits else "nobody can be visited")
    if answer.HasField("back_at"):
        console.print(f"back {moment(answer.back_at)}")
    for left in answer.unplanned:
        reason = pb.UnplannedReason.Name(left.reason).removeprefix("UNPLANNED_REASON_").lower()
        console.print(f"not planned: {left.lead_id} ({reason})")
    console.print(f"{answer.travel_s // 60} min on the way{_travel(answer)}")


def _travel(answer: pb.PlanVisitsResponse) -> str:
    is_crow = answer.travel_source == pb.TRAVEL_SOURCE_CROW
    source = ", as the crow flies" if is_crow else ", by road"
    return (
        f"{source}, traffic source: {escape(answer.traffic_fault)}"
        if answer.traffic_fault
        else source
    )
