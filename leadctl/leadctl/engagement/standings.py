"""`leadctl standings`: how customers' accounts stand, how healthy they are and why, and who of them may be woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.engagement.v1 import standings_service_pb2 as pb
from leadchain.engagement.v1.standings_service_pb2_grpc import StandingsServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.engagement.v1.standings_service_pb2_grpc import StandingsServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

standings_app = typer.Typer(help="How customers' accounts stand (客户健康).", no_args_is_help=True)

Lead = Annotated[str, typer.Argument(help="UUID of the lead.")]


@standings_app.command()
def show(
    lead_id: Lead, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """The figures that systems told of a lead's customer; needs the token of who may read the lead."""
    request = pb.GetStandingRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetStanding(request)))
    present(answer, _render_figures, as_json=as_json)


@standings_app.command()
def health(
    lead_id: Lead, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """How healthy a lead's customer is, dimension by dimension; needs the token of who may read the lead."""
    request = pb.GetHealthRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetHealth(request)))
    present(answer, _render_health, as_json=as_json)


@standings_app.command()
def dormant(
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 100,
    page_token: Annotated[str, typer.Option(help="Where the page before ended.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Customers who have not ordered for long and come to look again (沉睡唤醒); needs the right to read reports."""
    request = pb.ListDormantCustomersRequest(page_size=page_size, page_token=page_token)
    answer = run(
        services(target, token_file), _asked(lambda stub: stub.ListDormantCustomers(request))
    )
    present(answer, _render_dormant, as_json=as_json)


def _asked(
    ask: Callable[[StandingsServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("engagement") as channel:
            return await ask(StandingsServiceStub(channel))

    return work


def _render_figures(console: Console, answer: pb.GetStandingResponse) -> None:
    table = plain_table("figure", "value", "measured")
    for each in answer.figures:
        table.add_row(each.name, escape(_value(each)), moment(each.measured_at))
    console.print(table if answer.figures else "no system told anything")


def _value(figure: pb.Figure) -> str:
    if figure.WhichOneof("value") == "moment":
        return moment(figure.moment)
    return figure.word or str(figure.count)


def _render_health(console: Console, answer: pb.GetHealthResponse) -> None:
    told = answer.health
    stated = f"{told.score} ({told.level})" if told.HasField("score") else "too little is known"
    console.print(f"health {stated}, policy {told.policy_version}")
    table = plain_table("dimension", "value", "alarm", "points", "weight", "")
    for each in told.dimensions:
        points = str(each.points) if each.HasField("points") else ""
        note = each.left_out_because or ("alarm" if each.is_alarm else "")
        value, name = _measured(each), f"{each.name} ({each.name_zh})"
        table.add_row(escape(name), value, f"{each.alarm:g}", points, str(each.weight), note)
    console.print(table)
    for week in answer.weeks:
        score = f"{week.score} {week.level}" if week.HasField("score") else "no score"
        left_out = f" without {', '.join(week.left_out)}" if week.left_out else ""
        console.print(f"  week of {moment(week.week_from)}: {score}{left_out}", markup=False)


def _measured(dimension: pb.Dimension) -> str:
    if not dimension.HasField("value"):
        return ""
    if not dimension.HasField("whole_count"):
        return f"{dimension.value:g}"
    return f"{dimension.part_count}/{dimension.whole_count} = {dimension.value:.1f} %"


def _render_dormant(console: Console, answer: pb.ListDormantCustomersResponse) -> None:
    table = plain_table("customer", "owner", "ordered last", "visits", "level", "lead")
    for each in answer.customers:
        words = (each.owner_id or "nobody", moment(each.last_order_at), str(each.visit_count))
        row = (each.golden_id[:12], *words, each.member_level, each.lead_id)
        table.add_row(*map(escape, row))
    console.print(table if answer.customers else "nobody is to be woken")
    if answer.next_page_token:
        console.print(f"more: --page-token {escape(answer.next_page_token)}")
