"""Reminder health (提醒健康度, AS-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.notification.v1 import notification_service_pb2 as pb

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

HOUR_S = 3600
UNWELL = 3


def health(
    hours: Annotated[
        int, typer.Option(min=1, max=744, help="How far back to look, in hours.")
    ] = 24,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How much of each kind was sent, reached somebody and was opened; exits 3 if a rate is below its threshold."""
    answer = run(services(target, token_file), lambda known: _asked(known, hours * HOUR_S))
    present(answer, _render, as_json=as_json)
    if any(kind.low for kind in answer.kinds):
        raise typer.Exit(UNWELL)


async def _asked(known: Services, window_s: int) -> pb.GetReminderHealthResponse:
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        request = pb.GetReminderHealthRequest(window_s=window_s)
        return await NotificationServiceStub(channel).GetReminderHealth(request)


def _render(console: Console, answer: pb.GetReminderHealthResponse) -> None:
    console.print(
        f"{answer.due_count} due, {answer.held_count} held until the morning,"
        f" {answer.awaiting_count} with a provider, {answer.delivered_count} delivered,"
        f" {answer.failed_count} given up"
    )
    counts = ("reminders", "sent", "reached", "opened")
    table = plain_table("kind", *counts, "low", numbers=counts)
    for kind in answer.kinds:
        rates = (kind.sent_rate, kind.reached_rate, kind.interacted_rate)
        shares = [f"{rate:.1%}" for rate in rates]
        table.add_row(kind.kind_name, str(kind.reminder_count), *shares, ", ".join(kind.low) or "-")
    console.print(table)
