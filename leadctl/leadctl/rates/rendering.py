"""Rates, heat maps and settlements as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from leadctl.presentation import moment, plain_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.reporting.v1 import rates_service_pb2 as pb
    from leadchain.reporting.v1 import settlements_service_pb2 as settlements_pb
    from leadchain.reporting.v1.settlement_events_pb2 import SettledRate
    from rich.console import Console

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NOTHING = "-"


def rates(console: Console, answer: pb.GetFollowUpRatesResponse) -> None:
    """A row for each line, its change where it is compared, the total, and what it means."""
    counts = ("given", "excluded", "running", "due", "in 72h", "late", "never")
    shares = ("24h", "48h", "72h", "72h before", "change")
    table = plain_table("", *counts, *shares, numbers=(*counts, *shares), folds=("",))
    for line in answer.lines:
        table.add_row(escape(line.key or NOTHING), *_rate_cells(line))
    table.add_row("total", *_rate_cells(answer.total), style="bold")
    console.print(table)
    _define(console, answer.definition)
    console.print(f"due by {moment(answer.as_of)}, newest fact {moment(answer.watermark)}")


def targets(console: Console, answer: pb.GetFollowUpTargetsResponse) -> None:
    """A row for each target, and response times of both windows."""
    table = plain_table(
        "target", "wanted", "actual", "gap", "", numbers=("wanted", "actual", "gap")
    )
    wanted = {
        "followed up within 24 h": answer.follow_up_24h,
        "response faster than before": answer.response_faster,
    }
    for name, state in wanted.items():
        actual = _share(state.actual) if state.HasField("actual") else NOTHING
        gap = f"{state.gap:+.1%}" if state.HasField("gap") else NOTHING
        met = "met" if state.is_met else "[red]not met[/]"
        table.add_row(name, _share(state.target), actual, gap, met)
    console.print(table)
    for name, times in (("before", answer.response_before), ("now", answer.response)):
        median = f"{times.median_s:,.0f} s" if times.HasField("median_s") else NOTHING
        p90 = f"{times.p90_s:,.0f} s" if times.HasField("p90_s") else NOTHING
        console.print(
            f"{answer.window_days} days {name}: median {median}, p90 {p90},"
            f" {times.contacted_count} of {times.lead_count} leads contacted"
        )
    _define(console, answer.rate_definition)
    _define(console, answer.response_definition)


def heat_map(console: Console, answer: pb.GetMissedFollowUpsResponse) -> None:
    """Missed deadlines by day and hour; an empty cell is an hour in which none was due."""
    table = plain_table(
        "", *(f"{hour:02}" for hour in range(24)), numbers=[f"{h:02}" for h in range(24)]
    )
    cells = {(each.weekday, each.hour): each for each in answer.cells}
    for weekday, name in enumerate(DAYS, start=1):
        row = [
            _heat(cells[weekday, hour]) if (weekday, hour) in cells else "" for hour in range(24)
        ]
        table.add_row(name, *row)
    console.print(table)
    console.print(
        f"{answer.missed_count} of {answer.due_count} deadlines of {answer.deadline_h} h missed,"
        f" by the clocks of {answer.time_zone}; newest fact {moment(answer.watermark)}"
    )
    _define(console, answer.definition)


def settled(console: Console, answer: settlements_pb.SettleFollowUpRatesResponse) -> None:
    """What was closed."""
    _head(console, answer.settlement)
    if answer.is_repeated:
        console.print("it had been closed before; nothing has changed since")
    _settled_rates(console, answer.lines)


def preview(console: Console, answer: settlements_pb.PreviewSettlementResponse) -> None:
    """What would be closed."""
    console.print(
        f"would be revision {answer.revision}" if answer.revision else "nothing has changed since"
    )
    if answer.running_count:
        console.print(f"[red]{answer.running_count} assignments are not due yet[/]")
    _settled_rates(console, answer.lines)


def settlement(console: Console, answer: settlements_pb.GetSettlementResponse) -> None:
    """One statement."""
    _head(console, answer.settlement)
    _settled_rates(console, answer.lines)


def settlements(console: Console, answer: settlements_pb.ListSettlementsResponse) -> None:
    """A row for each statement."""
    if not answer.settlements:
        console.print("nothing is settled")
        return
    table = plain_table("no.", "month", "revision", "closed", "by", "sha256")
    for each in answer.settlements:
        number, revision = str(each.settlement_no), str(each.revision)
        closed = moment(each.settled_at)
        table.add_row(number, each.period, revision, closed, escape(each.settled_by), each.sha256)
    console.print(table)


def _rate_cells(line: pb.RateLine) -> list[str]:
    counts = line.counts
    numbers = (
        counts.given_count,
        counts.excluded_count,
        counts.running_count,
        counts.due_72h_count,
        counts.within_72h_count,
        counts.late_count,
        counts.never_count,
    )
    change = f"{line.change_72h:+.1%}" if line.HasField("change_72h") else NOTHING
    before = _rate(line.before, "rate_72h")
    shares = [_rate(counts, f"rate_{hours}h") for hours in (24, 48, 72)]
    return [*map(str, numbers), *shares, before, change]


def _rate(counts: pb.RateCounts, name: str) -> str:
    return _share(getattr(counts, name)) if counts.HasField(name) else NOTHING  # type: ignore[arg-type]  # one of three


def _share(value: float) -> str:
    return f"{value:.1%}"


def _heat(cell: pb.MissedCell) -> str:
    if not cell.missed_count:
        return "0"
    style = "red" if 2 * cell.missed_count >= cell.due_count else "yellow"
    return f"[{style}]{cell.missed_count}[/]"


def _define(console: Console, definition: pb.MetricDefinition) -> None:
    console.print(
        f"{definition.metric} v{definition.version}: {escape(definition.text_en)}", style="dim"
    )
    for each in definition.filters:
        console.print(f"  {each.name}: {escape(each.text_en)}", style="dim")


def _head(console: Console, closed: settlements_pb.Settlement) -> None:
    console.print(
        f"settlement {closed.settlement_no}: {closed.period} revision {closed.revision}, closed"
        f" {moment(closed.settled_at)} by {escape(closed.settled_by)}"
    )
    console.print(f"sha256 {closed.sha256}", soft_wrap=True)


def _settled_rates(console: Console, lines: Iterable[SettledRate]) -> None:
    numbers = ("given", "excluded", "due", "in 72h", "rate", "due +/-", "in 72h +/-")
    table = plain_table("rep", *numbers, numbers=numbers, folds=("rep",))
    for line in lines:
        rate = _share(line.rate_72h) if line.HasField("rate_72h") else NOTHING
        counts = (line.given_count, line.excluded_count, line.due_count, line.within_72h_count)
        changes = (f"{line.due_difference:+}", f"{line.within_72h_difference:+}")
        table.add_row(escape(line.rep_id), *map(str, counts), rate, *changes)
    console.print(table)
