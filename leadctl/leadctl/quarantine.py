"""`leadctl quarantine`: deliveries that could not be understood, what they look like, and mapping them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID  # noqa: TC003 - Typer reads it from the signature

import typer
from leadchain.intake.v1 import intake_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, complain, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

PAGE_SIZE = 1000
REASON_PREFIX = "QUARANTINE_REASON_"

quarantine_app = typer.Typer(help="Deliveries that could not be understood.", no_args_is_help=True)

Channel = Annotated[str, typer.Option(help="Only this channel.")]
Account = Annotated[str, typer.Option(help="Only this account.")]
Reason = Annotated[str, typer.Option(help="Only for this reason, such as no_contact_point.")]


@quarantine_app.command("list")
def show_all(
    channel: Channel = "",
    account: Account = "",
    reason: Reason = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Every quarantined item with its reason, newest first."""
    request = pb.ListQuarantinedRequest(
        channel=channel, account=account, reason=_reason(reason), page_size=PAGE_SIZE
    )
    answer = run(services(target, token_file), lambda known: _listed(known, request))
    present(answer, _render_items, as_json=as_json)


@quarantine_app.command()
def show(
    lead_id: Annotated[UUID, typer.Argument(help="The item.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One item: why, its body with every value masked, how it differs from the usual, where the missing may be."""
    request = pb.GetQuarantinedRequest(lead_id=str(lead_id))
    answer = run(services(target, token_file), lambda known: _shown(known, request))
    present(answer, _render_item, as_json=as_json)


@quarantine_app.command()
def replay(  # noqa: PLR0913 - each is an argument of the command
    lead_id: Annotated[list[UUID] | None, typer.Argument(help="These; else all.")] = None,
    channel: Channel = "",
    account: Account = "",
    reason: Reason = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also what the rules in force set aside themselves.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Map quarantined items again under the rules in force. May be repeated: one rule judges an item once."""
    known = services(target, token_file)
    if lead_id:
        request = pb.ReplayQuarantinedRequest(
            lead_ids=[str(one) for one in lead_id],
            channel=channel,
            account=account,
            reason=_reason(reason),
            force=force,
        )
        answer = run(known, lambda asked: _replay(asked, request))
    else:
        matching = pb.ReplayMatchingRequest(
            channel=channel, account=account, reason=_reason(reason), force=force
        )
        answer = run(known, lambda asked: _replay_all(asked, matching, is_quiet=as_json))
    present(answer, _render_replay, as_json=as_json)


async def quarantined(known: Services, *, channel: str = "") -> pb.ListQuarantinedResponse:
    """Every quarantined item, of all pages; raises `NotAnswered`."""
    return await _listed(known, pb.ListQuarantinedRequest(channel=channel, page_size=PAGE_SIZE))


def _reason(text: str) -> pb.QuarantineReason.ValueType:
    if not text:
        return pb.QUARANTINE_REASON_UNSPECIFIED
    try:
        return pb.QuarantineReason.Value(f"{REASON_PREFIX}{text.upper()}")
    except ValueError:
        names = [name.removeprefix(REASON_PREFIX).lower() for name in pb.QuarantineReason.keys()]  # noqa: SIM118 - no mapping
        raise typer.BadParameter(f"{text!r} is none of {', '.join(names[1:])}") from None


async def _listed(
    known: Services, request: pb.ListQuarantinedRequest
) -> pb.ListQuarantinedResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    found = pb.ListQuarantinedResponse()
    with known.asking("lead-intake") as connection:
        stub = IntakeServiceStub(connection)
        while True:
            page = await stub.ListQuarantined(request)
            found.items.extend(page.items)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


async def _shown(known: Services, request: pb.GetQuarantinedRequest) -> pb.GetQuarantinedResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).GetQuarantined(request)


async def _replay(
    known: Services, request: pb.ReplayQuarantinedRequest
) -> pb.ReplayQuarantinedResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).ReplayQuarantined(request)


async def _replay_all(
    known: Services, request: pb.ReplayMatchingRequest, *, is_quiet: bool
) -> pb.ReplayQuarantinedResponse:
    """Says after each part how far it has come; what it did in all."""
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    told = pb.ReplayMatchingResponse()
    with known.asking("lead-intake") as channel:
        async for told in IntakeServiceStub(channel).ReplayMatching(request, timeout=600):
            if not is_quiet and 0 < told.replayed_count < told.total_count:
                complain(f"{told.replayed_count} of {told.total_count}")
    return pb.ReplayQuarantinedResponse(
        replayed_count=told.replayed_count,
        unchanged_count=told.unchanged_count,
        not_replayable_count=told.not_replayable_count,
    )


def _render_items(console: Console, answer: pb.ListQuarantinedResponse) -> None:
    table = plain_table("item", "channel", "account", "received", "rules", "reason", "detail")
    for item in answer.items:
        table.add_row(
            item.lead_id,
            item.channel,
            escape(item.account),
            moment(item.received_at),
            str(item.mapping_version),
            item.reason,
            escape(item.detail),
        )
    console.print(table if answer.items else "nothing is quarantined")


def _render_item(console: Console, answer: pb.GetQuarantinedResponse) -> None:
    item = answer.item
    console.print(f"{item.lead_id} {item.channel}/{escape(item.account)} part {answer.position}")
    console.print(
        f"  {item.reason}: {escape(item.detail)}; set aside by rules {item.mapping_version}, "
        f"in force are {answer.current_version}"
    )
    console.print(answer.masked_body or "  its body cannot be shown", markup=False)
    if answer.differences:
        table = plain_table("path", "usually", "here")
        for each in answer.differences:
            usual, here = "|".join(each.understood_types), "|".join(each.types)
            table.add_row(escape(each.path), usual or "-", here or "-")
        console.print(table)
    for suggestion in answer.suggestions:
        words = f"{suggestion.name} may be at {suggestion.path} ({suggestion.evidence})"
        console.print(words, markup=False)


def _render_replay(console: Console, answer: pb.ReplayQuarantinedResponse) -> None:
    console.print(f"{answer.replayed_count} items will be mapped again")
    if answer.unchanged_count:
        console.print(
            f"{answer.unchanged_count} stay: the rules in force set them aside themselves (--force)"
        )
    if answer.not_replayable_count:
        console.print(
            f"{answer.not_replayable_count} are rows of imported files: put them right (imports errors) and "
            "import the file again"
        )
