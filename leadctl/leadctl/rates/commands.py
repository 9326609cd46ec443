"""The commands about follow-up rates (FU-08), targets (AS-19) and missed deadlines (FU-10)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.reporting.v1 import rates_service_pb2 as pb

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, parsed_moment, present, run
from leadctl.rates import rendering
from leadctl.rates.periods import parsed_period

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from leadctl.clients import Services

rates_app = typer.Typer(
    help="Follow-up rates: what is given, followed up in time, late, missed, and settled.",
    no_args_is_help=True,
)

UNMET = 3

When = Annotated[
    str,
    typer.Option("--period", help="A month (2026-02), an age (30d), or FROM/TO in ISO 8601."),
]
TEAM = "team:"


class By(StrEnum):
    """By what rates are broken down."""

    REP = "rep"
    TEAM = "team"
    CHANNEL = "channel"


GROUPINGS = {
    By.REP: pb.RATE_GROUPING_REP,
    By.TEAM: pb.RATE_GROUPING_TEAM,
    By.CHANNEL: pb.RATE_GROUPING_CHANNEL,
}


@rates_app.command()
def show(
    period: When = "",
    by: Annotated[By, typer.Option(help="By whom or by what.")] = By.REP,
    target: Targets = None,
    token_file: Token = None,
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Beside as long a time before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the share of assignments that were followed up within 24, 48 and 72 hours, and what they mean."""
    request = pb.GetFollowUpRatesRequest(grouping=GROUPINGS[by])
    wanted = parsed_period(period, now=datetime.now(UTC))
    _set(request.since, wanted.since)
    _set(request.until, wanted.until)
    if compare:
        before = wanted.before()
        _set(request.before_since, before.since)
        _set(request.before_until, before.until)
    answer = run(services(target, token_file), lambda known: get_rates(known, request))
    present(answer, rendering.rates, as_json=as_json)


@rates_app.command()
def targets(
    until: Annotated[str, typer.Option(help="Up to then: ISO 8601, or an age.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what is wanted, what is true, and what lies between; exits 3 unless all is met."""
    request = pb.GetFollowUpTargetsRequest()
    if until:
        request.until.FromDatetime(parsed_moment(until, now=datetime.now(UTC)))
    answer = run(services(target, token_file), lambda known: get_targets(known, request))
    present(answer, rendering.targets, as_json=as_json)
    if not (answer.follow_up_24h.is_met and answer.response_faster.is_met):
        raise typer.Exit(UNMET)


@rates_app.command("heat-map")
def heat_map(
    period: When = "",
    hours: Annotated[int, typer.Option(help="Which deadline: 24, 48 or 72.")] = 72,
    of: Annotated[str, typer.Option(help="Of this rep only, or of team:MANAGER.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show at which hours of the week deadlines were missed, of how many that were due."""
    manager_id = of.removeprefix(TEAM) if of.startswith(TEAM) else ""
    request = pb.GetMissedFollowUpsRequest(
        deadline_h=hours, rep_id="" if manager_id else of, manager_id=manager_id
    )
    wanted = parsed_period(period, now=datetime.now(UTC))
    _set(request.since, wanted.since)
    _set(request.until, wanted.until)
    answer = run(services(target, token_file), lambda known: get_missed(known, request))
    present(answer, rendering.heat_map, as_json=as_json)


async def get_rates(
    known: Services, request: pb.GetFollowUpRatesRequest
) -> pb.GetFollowUpRatesResponse:
    """Rates; raises `NotAnswered`."""
    from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub

    with known.asking("reporting") as channel:
        return await RatesServiceStub(channel).GetFollowUpRates(request)


async def get_targets(
    known: Services, request: pb.GetFollowUpTargetsRequest
) -> pb.GetFollowUpTargetsResponse:
    """How far the targets are met; raises `NotAnswered`."""
    from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub

    with known.asking("reporting") as channel:
        return await RatesServiceStub(channel).GetFollowUpTargets(request)


async def get_missed(
    known: Services, request: pb.GetMissedFollowUpsRequest
) -> pb.GetMissedFollowUpsResponse:
    """When deadlines are missed; raises `NotAnswered`."""
    from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub

    with known.asking("reporting") as channel:
        return await RatesServiceStub(channel).GetMissedFollowUps(request)


def _set(stamp: Timestamp, value: datetime | None) -> None:
    if value is not None:
        stamp.FromDatetime(value)
