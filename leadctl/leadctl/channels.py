"""`leadctl channels`: what is installed, whether accounts are read, and what a mapping makes of samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import channels_service_pb2 as pb
from leadchain.intake.v1 import events_pb2
from rich.markup import escape

from leadctl.channels_audit import audit
from leadctl.channels_expect import expect
from leadctl.installation import Targets, Token, services
from leadctl.presentation import (
    AsJson,
    as_dict,
    moment,
    plain_table,
    present,
    print_json,
    run,
    screen,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from leadctl.clients import Services

TRUST = {events_pb2.TRUST_STRONG: "strong", events_pb2.TRUST_WEAK: "weak"}

channels_app = typer.Typer(help="Channels, their accounts and mappings.", no_args_is_help=True)
channels_app.command()(audit)
channels_app.command()(expect)


@dataclass(frozen=True)
class Tested:
    """What one mapping made of its samples."""

    name: str
    answer: pb.TestMappingResponse

    @property
    def differing(self) -> list[pb.TestedBody]:
        """The samples that are not read as they say."""
        return [body for body in self.answer.bodies if body.differences]


@channels_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every channel, its templates, and how far its accounts' deliveries of the last seven days were understood."""
    answer = run(services(target, token_file), _listed)
    present(answer, _render_channels, as_json=as_json)


@channels_app.command("test")
def try_mapping(  # noqa: PLR0913 - each is an argument of the command
    channel: Annotated[str, typer.Argument(help="Else every channel and template.")] = "",
    file: Annotated[list[Path] | None, typer.Argument(help="Bodies; else shipped samples.")] = None,
    template: Annotated[str, typer.Option(help="A template of the channel.")] = "",
    account: Annotated[str, typer.Option(help="The mapping in force for an account.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    fetched: Annotated[bool, typer.Option("--fetched", help="Bodies are fetched ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try a mapping on bodies, or on the samples that ship; 1 when something is not read. Nothing is stored."""
    known = services(target, token_file)
    if not channel:
        _show_every(run(known, _tested_every), as_json=as_json)
        return
    files = file or []
    request = pb.TestMappingRequest(
        channel=channel,
        template=template,
        account=account,
        bodies=map(_body, files),
        are_fetched=fetched,
    )
    answer = run(known, lambda there: _tested(there, request))
    for body, path in zip(answer.bodies, files, strict=False):
        body.name = path.name
    present(answer, _render_tested, as_json=as_json)
    if any(body.differences or (files and _is_unread(body)) for body in answer.bodies):
        raise typer.Exit(1)


async def _listed(known: Services) -> pb.ListChannelsResponse:
    from leadchain.intake.v1.channels_service_pb2_grpc import ChannelsServiceStub

    with known.asking("lead-intake") as connection:
        return await ChannelsServiceStub(connection).ListChannels(pb.ListChannelsRequest())


async def _tested(known: Services, request: pb.TestMappingRequest) -> pb.TestMappingResponse:
    from leadchain.intake.v1.channels_service_pb2_grpc import ChannelsServiceStub

    with known.asking("lead-intake") as connection:
        return await ChannelsServiceStub(connection).TestMapping(request)


async def _tested_every(known: Services) -> list[Tested]:
    tested = []
    for channel in (await _listed(known)).channels:
        for template in ("", *(each.template for each in channel.templates)):
            request = pb.TestMappingRequest(channel=channel.channel, template=template)
            answer = await _tested(known, request)
            tested.append(Tested(template or channel.channel, answer))
    return tested


def _body(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None


def _is_unread(body: pb.TestedBody) -> bool:
    return any(item.state == "quarantined" for item in body.items)


def _show_every(tested: Sequence[Tested], *, as_json: bool) -> None:
    if as_json:
        print_json([{"name": each.name, **as_dict(each.answer)} for each in tested])
    else:
        _render_every(screen(), tested)
    if any(each.differing for each in tested):
        raise typer.Exit(1)


def _render_channels(console: Console, answer: pb.ListChannelsResponse) -> None:
    table = plain_table(
        "channel", "title", "trust", "proof", "says", "templates", "accounts", "understood"
    )
    for channel in answer.channels:
        table.add_row(
            channel.channel,
            f"{channel.title} (experimental)" if channel.is_experimental else channel.title,
            TRUST.get(channel.trust, "-"),
            channel.verify_kind,
            channel.facts,
            str(len(channel.templates)),
            str(len(channel.accounts)),
            _understood(channel.accounts),
        )
    console.print(table)
    for channel in answer.channels:
        _render_accounts(console, channel)


def _render_accounts(console: Console, channel: pb.Channel) -> None:
    for account in channel.accounts:
        if account.quarantined_count:
            console.print(
                f"{channel.channel}/{escape(account.account)}: {account.quarantined_count} items are"
                f" not understood, the last item came {moment(account.last_item_at)}"
            )


def _understood(accounts: Sequence[pb.AccountCoverage]) -> str:
    """The worst share of the accounts; accounts without items do not count."""
    shares = [
        1 - each.quarantined_count / count
        for each in accounts
        if (count := each.accepted_count + each.rejected_count + each.quarantined_count)
    ]
    return f"{min(shares):.1%}" if shares else "-"


def _render_tested(console: Console, answer: pb.TestMappingResponse) -> None:
    console.print(f"mapping version {answer.mapping_version}")
    for body in answer.bodies:
        console.print(f"\n[bold]{escape(body.name)}[/bold]")
        if not body.items:
            console.print("  ignored: such a delivery is kept and makes no item")
        for item in body.items:
            _render_item(console, item)
        if body.unread_keys:
            console.print(f"  nothing reads: {escape(', '.join(body.unread_keys))}")
        for difference in body.differences:
            console.print(f"  [red]{escape(difference)}[/red]")


def _render_item(console: Console, item: pb.TestedItem) -> None:
    why = " ".join(filter(None, (item.reason, item.detail, *item.flags)))
    console.print(f"  {item.state} {escape(item.external_id)} {escape(why)}".rstrip())
    for value in item.values:
        console.print(f"    {escape(value.name)}: {escape(value.value)}")


def _render_every(console: Console, tested: Sequence[Tested]) -> None:
    table = plain_table("channel or template", "samples", "not as they say")
    for each in tested:
        differing = ", ".join(body.name for body in each.differing)
        table.add_row(each.name, str(len(each.answer.bodies)), escape(differing) or "-")
    console.print(table)
