"""`leadctl accounts`: the channel accounts that may deliver, and where each posts to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import intake_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

accounts_app = typer.Typer(help="The channel accounts that may deliver.", no_args_is_help=True)

SecretFiles = Annotated[
    list[Path],
    typer.Option(
        "--secret-file", help="File with a signing secret; twice to rotate, newest first."
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
def put(
    channel: Annotated[str, typer.Argument(help="Such as website_form.")],
    account: Annotated[str, typer.Argument(help="The account's name, unique in its channel.")],
    secret_file: SecretFiles,
    tokens_file: TokensFile = None,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Create or change an account, and print the path to post to; its last part is a secret key."""
    verify_token, access_token = _tokens(tokens_file)
    request = pb.PutAccountRequest(
        channel=channel,
        account=account,
        secrets=[_line(file) for file in secret_file],
        verify_token=verify_token,
        access_token=access_token,
    )
    answer = run(services(target, token_file), lambda known: put_account(known, request))
    present(answer, lambda console, told: console.print(told.path, soft_wrap=True), as_json=False)


@accounts_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every account and when it last delivered."""
    present(run(services(target, token_file), _all), _render, as_json=as_json)


async def put_account(known: Services, request: pb.PutAccountRequest) -> pb.PutAccountResponse:
    """Create or change an account; raises `NotAnswered`."""
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).PutAccount(request)


async def _all(known: Services) -> pb.ListAccountsResponse:
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).ListAccounts(pb.ListAccountsRequest())


def _render(console: Console, answer: pb.ListAccountsResponse) -> None:
    table = plain_table("channel", "account", "last delivery")
    for account in answer.accounts:
        last = moment(account.last_delivery_at)
        table.add_row(account.channel, escape(account.account), last)
    console.print(table)


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
