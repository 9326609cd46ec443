"""`leadctl ledger`, `leadctl funnel` and `leadctl latency`: what the numbers say, and whether they are proved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.reporting.v1 import reporting_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, parsed_moment, plain_table, present, run

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console

    from leadctl.clients import Services

COUNTS = (
    "accepted", "assigned", "pooled", "waiting", "merged", "rejected", "quarantined", "missing",
)  # fmt: skip

Since = Annotated[
    str | None, typer.Option(help="Only from then on: ISO 8601, or an age such as 2h.")
]


def ledger(
    since: Since = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The conservation of leads, proved against each service's book. Exits 1 unless it is proved."""
    start = _start(since)
    answer = run(services(target, token_file), lambda known: current_ledger(known, since=start))
    present(answer, render_ledger, as_json=as_json)
    if answer.missing or answer.unreachable or answer.total.missing_count:
        raise typer.Exit(1)


def funnel(
    since: Since = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Leads by channel, day and outcome, with how many were granted, reminded and contacted."""
    start = _start(since)
    answer = run(services(target, token_file), lambda known: current_funnel(known, since=start))
    present(answer, render_funnel, as_json=as_json)


def latency(
    since: Since = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How long leads took from acceptance to their owner's reminder."""
    start = _start(since)
    answer = run(services(target, token_file), lambda known: current_latency(known, since=start))
    present(answer, render_latency, as_json=as_json)


async def current_ledger(known: Services, *, since: datetime | None = None) -> pb.GetLedgerResponse:
    """The ledger from an hour on; raises `NotAnswered`."""
    from leadchain.reporting.v1.reporting_service_pb2_grpc import ReportingServiceStub

    with known.asking("reporting") as channel:
        request = pb.GetLedgerRequest()
        _set(request.since, since)
        return await ReportingServiceStub(channel).GetLedger(request)


async def current_funnel(known: Services, *, since: datetime | None = None) -> pb.GetFunnelResponse:
    """The funnel from a time on; raises `NotAnswered`."""
    from leadchain.reporting.v1.reporting_service_pb2_grpc import ReportingServiceStub

    with known.asking("reporting") as channel:
        request = pb.GetFunnelRequest()
        _set(request.since, since)
        return await ReportingServiceStub(channel).GetFunnel(request)


async def current_latency(
    known: Services, *, since: datetime | None = None
) -> pb.GetLatencyResponse:
    """Accept-to-reminded latency of the leads accepted from a time on; raises `NotAnswered`."""
    from leadchain.reporting.v1.reporting_service_pb2_grpc import ReportingServiceStub

    with known.asking("reporting") as channel:
        request = pb.GetLatencyRequest()
        _set(request.since, since)
        return await ReportingServiceStub(channel).GetLatency(request)


def ledger_line(total: pb.LedgerLine) -> str:
    """The ledger in one line for programs: `ledger: accepted=N assigned=N ... missing=N`."""
    return "ledger: " + " ".join(f"{name}={getattr(total, f'{name}_count')}" for name in COUNTS)


def render_ledger(console: Console, answer: pb.GetLedgerResponse) -> None:
    """Lines by channel and hour, their sum, and what is missing by name."""
    table = plain_table("channel", "hour", *COUNTS, numbers=COUNTS, folds=("channel", "hour"))
    for line in answer.lines:
        table.add_row(escape(line.channel), moment(line.hour)[5:13] + "h", *_counts(line))
    table.add_row("total", "", *_counts(answer.total), style="bold")
    console.print(table)
    if answer.in_flight_count:
        console.print(f"{answer.in_flight_count} of the waiting are on their way")
    for missing in answer.missing:
        console.print(
            f"[red]missing[/] {missing.lead_id}: in {missing.present_in}, not in {missing.missing_in}"
        )
    for name in answer.unreachable:
        console.print(f"[red]not proved[/]: the book of {name} could not be read")


def render_funnel(console: Console, answer: pb.GetFunnelResponse) -> None:
    """A row for each channel, day and outcome."""
    stages = ("leads", "granted", "reminded", "contacted")
    table = plain_table("channel", "day", "outcome", *stages, numbers=stages, folds=("channel",))
    for line in answer.lines:
        counts = (line.lead_count, line.granted_count, line.reminded_count, line.contacted_count)
        table.add_row(escape(line.channel), line.day, line.outcome, *map(str, counts))
    console.print(table)
    console.print(f"as of {moment(answer.watermark)}")


def render_latency(console: Console, answer: pb.GetLatencyResponse) -> None:
    """Median and 99th percentile."""
    console.print(
        f"accepted to reminded: p50 {answer.p50_ms:.0f} ms, p99 {answer.p99_ms:.0f} ms"
        f" over {answer.lead_count} leads"
    )


def _counts(line: pb.LedgerLine) -> list[str]:
    return [str(getattr(line, f"{name}_count")) for name in COUNTS]


def _start(since: str | None) -> datetime | None:
    return parsed_moment(since, now=datetime.now(UTC)) if since else None


def _set(stamp: Timestamp, value: datetime | None) -> None:
    if value is not None:
        stamp.FromDatetime(value)
