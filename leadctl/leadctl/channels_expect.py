"""`leadctl channels expect`: what is expected of an account, where its own history does not say it right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import watching_service_pb2 as pb

from leadctl.installation import Targets, Token, services
from leadctl.presentation import run, screen

if TYPE_CHECKING:
    from leadctl.clients import Services


def expect(
    channel: Annotated[str, typer.Argument(help="Such as website_form.")],
    account: Annotated[str, typer.Argument(help="The account's name.")],
    silent_after_h: Annotated[
        float,
        typer.Option(min=0, help="Hours without a delivery; 0 leaves it to the account's history."),
    ] = 0,
    mute_h: Annotated[
        float, typer.Option(min=0, help="Report no silence for so many hours; 0 ends muting.")
    ] = 0,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Say when an account counts as silent, or that its silence is known. May be repeated."""
    request = pb.SetExpectationRequest(
        channel=channel, account=account, silent_after_s=silent_after_h * 3600
    )
    if mute_h:
        request.muted_until.FromDatetime(datetime.now(UTC) + timedelta(hours=mute_h))
    run(services(target, token_file), lambda known: _set(known, request))
    screen().print("set")


async def _set(known: Services, request: pb.SetExpectationRequest) -> pb.SetExpectationResponse:
    from leadchain.intake.v1.watching_service_pb2_grpc import WatchingServiceStub

    with known.asking("lead-intake") as connection:
        return await WatchingServiceStub(connection).SetExpectation(request)
