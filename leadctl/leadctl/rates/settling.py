"""The commands that close months of follow-up rates (FU-11) and show what is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.reporting.v1 import settlements_service_pb2 as pb

from leadctl.consent import explained
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, present, run
from leadctl.rates import rendering
from leadctl.rates.commands import rates_app

if TYPE_CHECKING:
    from leadctl.clients import Services

Month = Annotated[str, typer.Argument(help="The month, such as 2026-02.")]


@rates_app.command()
def settle(
    month: Month,
    approval: Annotated[
        str, typer.Option(help="The approved request, as `leadctl perm request` printed it.")
    ] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be closed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close a month for good, or correct it by a revision. Others must agree: without --approval it says how to ask."""
    known_services = services(target, token_file)
    if dry_run:
        preview = run(known_services, lambda known: preview_settlement(known, month))
        present(preview, rendering.preview, as_json=as_json)
        return
    request = pb.SettleFollowUpRatesRequest(period=month, approval_id=approval)
    answer = run(known_services, lambda known: explained(settle_rates(known, request)))
    present(answer, rendering.settled, as_json=as_json)


@rates_app.command()
def settlements(
    number: Annotated[int, typer.Argument(min=0, help="One statement with its lines.")] = 0,
    month: Annotated[str, typer.Option(help="Of this month only, such as 2026-02.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show closed statements, newest first, or one of them by its number."""
    known_services = services(target, token_file)
    if number:
        one = run(known_services, lambda known: get_settlement(known, number))
        present(one, rendering.settlement, as_json=as_json)
    else:
        listed = run(known_services, lambda known: list_settlements(known, month))
        present(listed, rendering.settlements, as_json=as_json)


async def settle_rates(
    known: Services, request: pb.SettleFollowUpRatesRequest
) -> pb.SettleFollowUpRatesResponse:
    """Closes a month; raises `NotAnswered`."""
    from leadchain.reporting.v1.settlements_service_pb2_grpc import SettlementsServiceStub

    with known.asking("reporting") as channel:
        return await SettlementsServiceStub(channel).SettleFollowUpRates(request)


async def preview_settlement(known: Services, month: str) -> pb.PreviewSettlementResponse:
    """What would be closed; raises `NotAnswered`."""
    from leadchain.reporting.v1.settlements_service_pb2_grpc import SettlementsServiceStub

    with known.asking("reporting") as channel:
        request = pb.PreviewSettlementRequest(period=month)
        return await SettlementsServiceStub(channel).PreviewSettlement(request)


async def list_settlements(known: Services, month: str) -> pb.ListSettlementsResponse:
    """What is closed; raises `NotAnswered`."""
    from leadchain.reporting.v1.settlements_service_pb2_grpc import SettlementsServiceStub

    with known.asking("reporting") as channel:
        request = pb.ListSettlementsRequest(period=month)
        return await SettlementsServiceStub(channel).ListSettlements(request)


async def get_settlement(known: Services, number: int) -> pb.GetSettlementResponse:
    """One statement; raises `NotAnswered`."""
    from leadchain.reporting.v1.settlements_service_pb2_grpc import SettlementsServiceStub

    with known.asking("reporting") as channel:
        request = pb.GetSettlementRequest(settlement_no=number)
        return await SettlementsServiceStub(channel).GetSettlement(request)
