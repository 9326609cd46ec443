"""`leadctl quarantine`: deliveries that could not be understood, and mapping them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID  # noqa: TC003 - Typer reads it from the signature

import typer
from leadchain.intake.v1 import intake_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

PAGE_SIZE = 1000

quarantine_app = typer.Typer(help="Deliveries that could not be understood.", no_args_is_help=True)

Channel = Annotated[str, typer.Option(help="Only this channel.")]


@quarantine_app.command("list")
def show_all(
    channel: Channel = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Every quarantined item with its reason, newest first."""
    answer = run(services(target, token_file), lambda known: quarantined(known, channel=channel))
    present(answer, _render_items, as_json=as_json)


@quarantine_app.command()
def replay(
    lead_id: Annotated[list[UUID] | None, typer.Argument(help="These; else all.")] = None,
    channel: Channel = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Map quarantined items again under today's channel file. May be repeated."""
    request = pb.ReplayQuarantinedRequest(
        lead_ids=[str(one) for one in lead_id or ()], channel=channel
    )
    answer = run(services(target, token_file), lambda known: _replay(known, request))
    present(answer, _render_replay, as_json=as_json)


async def quarantined(known: Services, *, channel: str = "") -> pb.ListQuarantinedResponse:
    """Every quarantined item, of all pages; raises `NotAnswered`."""
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    found = pb.ListQuarantinedResponse()
    with known.asking("lead-intake") as connection:
        stub = IntakeServiceStub(connection)
        request = pb.ListQuarantinedRequest(channel=channel, page_size=PAGE_SIZE)
        while True:
            page = await stub.ListQuarantined(request)
            found.items.extend(page.items)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


async def _replay(
    known: Services, request: pb.ReplayQuarantinedRequest
) -> pb.ReplayQuarantinedResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).ReplayQuarantined(request)


def _render_items(console: Console, answer: pb.ListQuarantinedResponse) -> None:
    table = plain_table("item", "channel", "account", "received", "reason", "detail")
    for item in answer.items:
        table.add_row(
            item.lead_id,
            item.channel,
            escape(item.account),
            moment(item.received_at),
            item.reason,
            escape(item.detail),
        )
    console.print(table if answer.items else "nothing is quarantined")


def _render_replay(console: Console, answer: pb.ReplayQuarantinedResponse) -> None:
    console.print(f"{answer.replayed_count} items will be mapped again")
