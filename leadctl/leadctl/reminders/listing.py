"""What became of the reminders about a lead, and what is told to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.notification.v1 import notification_service_pb2 as pb

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services


def list_reminders(
    lead_id: Annotated[str, typer.Argument(help="UUID of the lead.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Every reminder about a lead, its messages on each route, and what is proved of them."""
    answer = run(services(target, token_file), lambda known: _reminders(known, lead_id))
    present(answer, _render_reminders, as_json=as_json)


def routes(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """What is told to whom, on which routes, and from which accounts."""
    present(run(services(target, token_file), ask_routes), _render_routes, as_json=as_json)


async def _reminders(known: Services, lead_id: str) -> pb.ListRemindersResponse:
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        request = pb.ListRemindersRequest(lead_id=lead_id)
        return await NotificationServiceStub(channel).ListReminders(request)


async def ask_routes(known: Services) -> pb.ListRoutesResponse:
    """What is told to whom, from which accounts, and to which groups; raises `NotAnswered`."""
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        return await NotificationServiceStub(channel).ListRoutes(pb.ListRoutesRequest())


def _render_reminders(console: Console, answer: pb.ListRemindersResponse) -> None:
    columns = ("kind", "to", "state", "route", "medium", "message", "tries", "proof", "error")
    table = plain_table(*columns)
    for reminder in answer.reminders:
        head = (reminder.kind_name, reminder.recipient_id or "-", reminder.state)
        if not reminder.sends:
            table.add_row(*head, "-", "-", "-", "0", "-", reminder.last_error or "-")
        for send in reminder.sends:
            proof = ", ".join(f"{each.kind} {moment(each.at)}" for each in send.receipts)
            about = (str(send.step), send.medium, send.state, str(send.attempt_count))
            table.add_row(*head, *about, proof or "-", send.last_error or "-")
    console.print(table)


def _render_routes(console: Console, answer: pb.ListRoutesResponse) -> None:
    console.print(f"policy version {answer.policy_version}")
    table = plain_table("kind", "event", "to", "importance", "routes")
    for kind in answer.kinds:
        importance = "important" if kind.is_important else "usual"
        steps = ", then ".join(kind.routes)
        table.add_row(kind.kind_name, kind.event, kind.recipient, importance, steps)
    console.print(table)
    accounts = plain_table("account", "medium", "a minute", "address")
    for account in answer.accounts:
        limit = str(account.messages_per_min) if account.messages_per_min else "no limit"
        accounts.add_row(account.account_id, account.medium, limit, account.url)
    console.print(accounts)
