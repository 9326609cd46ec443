"""The commands about the public pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.assignment.v1 import pool_service_pb2 as pb

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

pool_app = typer.Typer(help="The public pool: leads that nobody has.", no_args_is_help=True)


@pool_app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many leads.")] = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the leads in the pool, those that came last first."""
    request = pb.ListPoolRequest(limit=limit)
    answer = run(services(target, token_file), lambda known: list_pool(known, request))
    present(answer, _show_pool, as_json=as_json)


@pool_app.command()
def claim(
    lead: Annotated[str, typer.Argument(help="UUID of the lead.")],
    rep: Annotated[str, typer.Option("--for", help="Rep who takes it.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take a lead out of the pool for a rep; of several who ask one gets it."""
    request = pb.ClaimLeadRequest(lead_id=lead, rep_id=rep)
    answer = run(services(target, token_file), lambda known: claim_lead(known, request))
    present(answer, _show_claim, as_json=as_json)


async def list_pool(known: Services, request: pb.ListPoolRequest) -> pb.ListPoolResponse:
    """What lies in the pool; raises `NotAnswered`."""
    from leadchain.assignment.v1.pool_service_pb2_grpc import PoolServiceStub

    with known.asking("assignment") as channel:
        return await PoolServiceStub(channel).ListPool(request)


async def claim_lead(known: Services, request: pb.ClaimLeadRequest) -> pb.ClaimLeadResponse:
    """Takes a lead; raises `NotAnswered`."""
    from leadchain.assignment.v1.pool_service_pb2_grpc import PoolServiceStub

    with known.asking("assignment") as channel:
        return await PoolServiceStub(channel).ClaimLead(request)


def _show_pool(console: Console, answer: pb.ListPoolResponse) -> None:
    if not answer.leads:
        console.print("the pool is empty")
        return
    table = plain_table("lead", "level", "since", "had by", "where", "industry")
    for lead in answer.leads:
        since, where = moment(lead.pooled_at), lead.region_display or "-"
        industry = lead.industry or "-"
        table.add_row(lead.lead_id, lead.level, since, lead.previous_owner_id, where, industry)
    console.print(table)


def _show_claim(console: Console, answer: pb.ClaimLeadResponse) -> None:
    console.print(f"claimed; contact is due at {moment(answer.contact_due_at)}")
    console.print(f"{answer.left_today} more may be claimed today")
