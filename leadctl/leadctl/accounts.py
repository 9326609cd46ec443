"""`leadctl accounts`: the channel accounts that may deliver, and where each posts to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from google.protobuf.json_format import ParseDict, ParseError
from leadchain.intake.v1 import intake_service_pb2 as pb
from rich.markup import escape

from leadctl.consent import explained
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

accounts_app = typer.Typer(help="The channel accounts that may deliver.", no_args_is_help=True)

SecretFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--secret-file", help="File with a signing secret; twice to rotate, newest first."
    ),
]
Approval = Annotated[
    str, typer.Option(help="The approved request, as `leadctl perm request` printed it.")
]
MoreFile = Annotated[
    Path | None,
    typer.Option(
        "--more-file",
        help="YAML with encryption_keys, identity, public_keys and settings, where the channel wants them.",
    ),
]
TokensFile = Annotated[
    Path | None,
    typer.Option(
        "--tokens-file",
        help="File with verify_token on its first line and access_token on its second (facebook_leadgen).",
    ),
]


@accounts_app.command()
def put(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    channel: Annotated[str, typer.Argument(help="Such as website_form.")],
    account: Annotated[str, typer.Argument(help="The account's name, unique in its channel.")],
    secret_file: SecretFiles = None,
    tokens_file: TokensFile = None,
    more_file: MoreFile = None,
    template: Annotated[str, typer.Option(help="Installed template to read deliveries by.")] = "",
    rps: Annotated[float | None, typer.Option(help="Deliveries a second that are let in.")] = None,
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Create, change or reopen an account, and print the path to post to; its last part is a secret key.

    Others must agree first: without --approval it says how to ask them.
    """
    verify_token, access_token = _tokens(tokens_file)
    request = pb.PutAccountRequest(
        channel=channel,
        account=account,
        secrets=[_line(file) for file in secret_file or ()],
        verify_token=verify_token,
        access_token=access_token,
        template=template,
        rps=rps,
        approval_id=approval,
    )
    request.MergeFrom(_more(more_file))
    answer = run(services(target, token_file), lambda known: explained(put_account(known, request)))
    present(answer, lambda console, told: console.print(told.path, soft_wrap=True), as_json=False)


@accounts_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every account and when it last delivered."""
    present(run(services(target, token_file), _all), _render, as_json=as_json)


@accounts_app.command()
def remove(
    channel: Annotated[str, typer.Argument(help="Such as website_form.")],
    account: Annotated[str, typer.Argument(help="The account's name.")],
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Close an account: its address is unknown from then on, until it is put again. Others must agree first."""
    request = pb.RemoveAccountRequest(channel=channel, account=account, approval_id=approval)
    answer = run(services(target, token_file), lambda known: explained(_remove(known, request)))
    present(
        answer,
        lambda console, told: console.print(f"closed since {moment(told.closed_at)}"),
        as_json=False,
    )


@accounts_app.command()
def history(  # noqa: PLR0913 - each is an argument of the command
    channel: Annotated[str, typer.Argument(help="Only this channel and account.")] = "",
    account: Annotated[str, typer.Argument(help="The account's name.")] = "",
    kind: Annotated[str, typer.Option(help="Only these, such as mapping.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What was changed of accounts and mappings, by whom and with whose approval; newest first."""
    resource_id = f"{channel}/{account}" if channel and account else ""
    request = pb.ListConfigurationChangesRequest(
        kind=kind, resource_id=resource_id, page_size=limit
    )
    answer = run(services(target, token_file), lambda known: _history(known, request))
    present(answer, _render_history, as_json=as_json)


async def put_account(known: Services, request: pb.PutAccountRequest) -> pb.PutAccountResponse:
    """Create or change an account; raises `NotAnswered`."""
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).PutAccount(request)


async def _remove(known: Services, request: pb.RemoveAccountRequest) -> pb.RemoveAccountResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).RemoveAccount(request)


async def _history(
    known: Services, request: pb.ListConfigurationChangesRequest
) -> pb.ListConfigurationChangesResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).ListConfigurationChanges(request)


async def _all(known: Services) -> pb.ListAccountsResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).ListAccounts(pb.ListAccountsRequest())


def _render(console: Console, answer: pb.ListAccountsResponse) -> None:
    table = plain_table("channel", "account", "template", "last delivery", "closed")
    for account in answer.accounts:
        last, closed = moment(account.last_delivery_at), moment(account.closed_at)
        table.add_row(account.channel, escape(account.account), account.template, last, closed)
    console.print(table)


def _render_history(console: Console, answer: pb.ListConfigurationChangesResponse) -> None:
    table = plain_table("when", "what", "which", "who", "approval", "old", "new")
    for change in answer.changes:
        table.add_row(
            moment(change.changed_at),
            change.kind,
            escape(change.resource_id),
            escape(change.actor_id),
            change.approval_id or "-",
            escape(change.old_json or "-"),
            escape(change.new_json or "-"),
        )
    console.print(table)


def _more(file: Path | None) -> pb.PutAccountRequest:
    """What a YAML file says besides: encryption_keys, identity, public_keys and settings."""
    if file is None:
        return pb.PutAccountRequest()
    try:
        return ParseDict(yaml.safe_load(_text(file)), pb.PutAccountRequest())
    except (ParseError, yaml.YAMLError) as error:
        problem = type(error).__name__
        raise typer.BadParameter(f"{file} is not the rest of an account: {problem}") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None


def _line(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None


def _tokens(file: Path | None) -> tuple[str, str]:
    if file is None:
        return "", ""
    lines = [*_line(file).splitlines(), "", ""]
    return lines[0].strip(), lines[1].strip()
