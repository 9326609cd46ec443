"""The accounts that messages are sent from."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.notification.v1 import notification_service_pb2 as pb

from leadctl.documents import load_entries
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, present, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from leadctl.clients import Services


def apply(
    file: Annotated[Path, typer.Argument(help="YAML with a list named accounts.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create or change accounts: account_id, medium, url, settings and messages_per_min of each."""
    accounts = load_entries(file, "accounts", pb.Account)
    answer = run(services(target, token_file), lambda known: put_accounts(known, accounts))
    present(answer, _render, as_json=as_json)


async def put_accounts(known: Services, accounts: Sequence[pb.Account]) -> pb.PutAccountsResponse:
    """Create or change accounts; raises `NotAnswered`."""
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        request = pb.PutAccountsRequest(accounts=accounts)
        return await NotificationServiceStub(channel).PutAccounts(request)


def _render(console: Console, answer: pb.PutAccountsResponse) -> None:
    console.print(f"{answer.written_count} accounts written")
