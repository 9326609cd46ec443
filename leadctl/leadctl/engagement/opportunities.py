"""`leadctl opportunities`: what is open, downgraded ones last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.engagement.v1 import opportunities_service_pb2 as pb
from leadchain.engagement.v1.opportunities_service_pb2_grpc import OpportunitiesServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

opportunities_app = typer.Typer(help="Open opportunities (商机).", no_args_is_help=True)


@opportunities_app.callback()
def group() -> None:
    """Keeps `list` a command of its own."""


@opportunities_app.command("list")
def list_opportunities(
    target: Targets = None,
    token_file: Token = None,
    *,
    team: Annotated[bool, typer.Option(help="Those of the people whom you lead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open opportunities of whose token it is, newest first and downgraded ones last."""

    async def work(known: Services) -> pb.ListOpportunitiesResponse:
        request = pb.ListOpportunitiesRequest(of_team=team)
        with known.asking("engagement") as channel:
            return await OpportunitiesServiceStub(channel).ListOpportunities(request)

    present(run(services(target, token_file), work), _render, as_json=as_json)


def _render(console: Console, answer: pb.ListOpportunitiesResponse) -> None:
    table = plain_table("opened", "number", "owner", "downgraded", "lead")
    for each in answer.opportunities:
        downgraded = moment(each.downgraded_at) if each.is_downgraded else ""
        row = (moment(each.opened_at), each.opportunity_no, each.owner_id, downgraded, each.lead_id)
        table.add_row(*map(escape, row))
    console.print(table if answer.opportunities else "nothing is open")
