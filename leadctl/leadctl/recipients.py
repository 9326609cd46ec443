"""`leadctl recipients`: where the reminders of reps and managers go."""

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

recipients_app = typer.Typer(help="Where reminders go.", no_args_is_help=True)


@recipients_app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="YAML with a list named recipients.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create or change recipients: recipient_id, webhook_url and secret (whsec_...) of each."""
    recipients = load_entries(file, "recipients", pb.Recipient)
    answer = run(services(target, token_file), lambda known: put_recipients(known, recipients))
    present(answer, _render_change, as_json=as_json)


@recipients_app.command()
def health(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """How many reminders are due, delivered and given up."""
    present(run(services(target, token_file), reminder_health), _render_health, as_json=as_json)


async def put_recipients(
    known: Services, recipients: Sequence[pb.Recipient]
) -> pb.PutRecipientsResponse:
    """Create or change recipients; raises `NotAnswered`."""
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        request = pb.PutRecipientsRequest(recipients=recipients)
        return await NotificationServiceStub(channel).PutRecipients(request)


async def reminder_health(known: Services) -> pb.GetReminderHealthResponse:
    """Counts of reminders by state; raises `NotAnswered`."""
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        return await NotificationServiceStub(channel).GetReminderHealth(
            pb.GetReminderHealthRequest()
        )


def _render_change(console: Console, answer: pb.PutRecipientsResponse) -> None:
    console.print(f"{answer.changed_count} recipients changed")


def _render_health(console: Console, answer: pb.GetReminderHealthResponse) -> None:
    console.print(
        f"reminders: {answer.due_count} due, {answer.delivered_count} delivered,"
        f" {answer.failed_count} given up"
    )
