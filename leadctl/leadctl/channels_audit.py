"""`leadctl channels audit`: is every account live, heard, subscribed, mapped, and in step with its sender?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import watching_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console

    from leadctl.clients import Services

_SUBSCRIPTIONS = {
    pb.SUBSCRIPTION_STATE_FOUND: "found",
    pb.SUBSCRIPTION_STATE_LOST: "lost",
    pb.SUBSCRIPTION_STATE_UNKNOWN: "unknown",
    pb.SUBSCRIPTION_STATE_NOT_AUDITABLE: "not auditable",
}


def audit(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask the senders about their subscriptions, and say how each account stands; 1 if one is not well."""
    answer = run(services(target, token_file), lambda known: _audited(known, channel))
    present(answer, _render, as_json=as_json)
    if any(_complaint(account) for account in answer.accounts):
        raise typer.Exit(1)


async def _audited(known: Services, channel: str) -> pb.AuditSubscriptionsResponse:
    from leadchain.intake.v1.watching_service_pb2_grpc import WatchingServiceStub

    with known.asking("lead-intake") as connection:
        stub = WatchingServiceStub(connection)
        return await stub.AuditSubscriptions(pb.AuditSubscriptionsRequest(channel=channel))


def _render(console: Console, answer: pb.AuditSubscriptionsResponse) -> None:
    table = plain_table(
        "channel", "account", "live", "last delivery", "usual gap", "silent", "subscription", "compared", "mapping",
    )  # fmt: skip
    for account in answer.accounts:
        table.add_row(
            account.channel,
            escape(account.account),
            "yes" if account.is_live else "[red]no[/]",
            moment(account.last_delivery_at),
            _duration(account.expected_gap_s) if account.expected_gap_s else "learning",
            _silence(account),
            _subscription(account),
            _comparison(account),
            f"version {account.mapping_version}" if account.mapping_version else "[red]missing[/]",
        )
    console.print(table if answer.accounts else "there are no accounts")


def _complaint(account: pb.AuditedAccount) -> bool:
    """Whether something of an account needs a person."""
    is_lost = account.subscription == pb.SUBSCRIPTION_STATE_LOST
    return is_lost or account.is_silent or not account.is_live or not account.mapping_version


def _silence(account: pb.AuditedAccount) -> str:
    if account.is_silent:
        return "[red]silent[/]"
    return "muted" if account.HasField("muted_until") else "no"


def _subscription(account: pb.AuditedAccount) -> str:
    state = _SUBSCRIPTIONS.get(account.subscription, "unknown")
    shown = f"[red]{state}[/]" if account.subscription == pb.SUBSCRIPTION_STATE_LOST else state
    return (
        f"{shown}: {escape(account.subscription_reason)}" if account.subscription_reason else shown
    )


def _comparison(account: pb.AuditedAccount) -> str:
    if not account.HasField("compared_until"):
        return "not comparable"
    shown = f"{_duration(_age_s(account.compared_until))} ago"
    return f"{shown}: {escape(account.pull_failure)}" if account.pull_failure else shown


def _age_s(stamp: Timestamp) -> float:
    return max(0.0, (datetime.now(UTC) - stamp.ToDatetime(tzinfo=UTC)).total_seconds())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"
