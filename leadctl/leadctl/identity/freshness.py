"""`leadctl identity freshness` and its neighbours: are the systems in step?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.identity.v1 import freshness_service_pb2 as pb
from leadchain.identity.v1.freshness_service_pb2_grpc import FreshnessServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, parsed_moment, plain_table, present, run, screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.identity.v1.freshness_service_pb2_grpc import FreshnessServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

OnlySystem = Annotated[str, typer.Option(help="Only this system.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")]

_STATES = {
    pb.WRITE_BACK_STATE_WAITING: "waiting",
    pb.WRITE_BACK_STATE_WRITING: "writing",
    pb.WRITE_BACK_STATE_WRITTEN: "written",
    pb.WRITE_BACK_STATE_GAVE_UP: "[red]gave up[/]",
    pb.WRITE_BACK_STATE_REFUSED: "[red]refused[/]",
    pb.WRITE_BACK_STATE_SUPERSEDED: "superseded",
}


def freshness(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Show how late each system is; 1 if one is later than it may be."""
    request = pb.GetFreshnessRequest()
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetFreshness(request)))
    present(answer, _render_freshness, as_json=as_json)
    if any(each.is_overdue for each in answer.systems):
        raise typer.Exit(1)


def sync_audit(  # noqa: PLR0913 - each is an argument of the command
    system: OnlySystem = "",
    since: Annotated[str, typer.Option(help="ISO 8601 or an age such as 7d.")] = "30d",
    limit: Limit = 20,
    target: Targets = None,
    token_file: Token = None,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="Those read later too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what could not be read in the last 30 days; 1 if something still cannot be."""
    request = pb.AuditSyncRequest(system=system, with_resolved=all_of_them, page_size=limit)
    request.since.FromDatetime(parsed_moment(since, now=datetime.now(UTC)))
    answer = run(services(target, token_file), _asked(lambda stub: stub.AuditSync(request)))
    present(answer, _render_audit, as_json=as_json)
    if any(each.open_count for each in answer.sums):
        raise typer.Exit(1)


def replay_failures(
    system: Annotated[str, typer.Argument(help="Such as kingdee.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Read a system's rows again that could not be read, as after its field map was put right."""
    request = pb.ReplayFailuresRequest(system=system)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ReplayFailures(request)))
    screen().print(
        f"{answer.row_count} rows read again, {answer.open_failure_count} failures are left"
    )


def conflicts(
    system: OnlySystem = "",
    limit: Limit = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    settled: Annotated[bool, typer.Option("--settled", help="Those that are over too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which systems are told what won over theirs, and what became of it."""
    request = pb.ListConflictsRequest(system=system, with_settled=settled, page_size=limit)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListConflicts(request)))
    present(answer, _render_conflicts, as_json=as_json)


def retry_write(
    number: Annotated[int, typer.Argument(min=1, help="As `conflicts` shows it.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Tell a system once more what it would not take."""
    request = pb.RetryWriteBackRequest(write_back_id=number)
    run(services(target, token_file), _asked(lambda stub: stub.RetryWriteBack(request)))
    screen().print(f"write {number} waits again")


def differences(
    night: Annotated[str, typer.Option(help="YYYY-MM-DD; the last one when left out.")] = "",
    system: OnlySystem = "",
    limit: Limit = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show where systems differed at 02:00."""
    request = pb.ListDifferencesRequest(night=night, system=system, page_size=limit)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListDifferences(request)))
    present(answer, _render_differences, as_json=as_json)


def _asked(
    ask: Callable[[FreshnessServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def asked(known: Services) -> T:
        with known.asking("identity") as connection:
            return await ask(FreshnessServiceStub(connection))

    return asked


def _render_freshness(console: Console, answer: pb.GetFreshnessResponse) -> None:
    table = plain_table(
        "system", "late", "may be", "p50", "p95", "facts", "last fact", "verified", "failures", "writes",
        numbers=("late", "may be", "p50", "p95", "facts", "failures", "writes"),
    )  # fmt: skip
    for each in answer.systems:
        late = duration(each.delay_s) if each.HasField("delay_s") else "never heard"
        table.add_row(
            f"{each.system} {each.label_zh}",
            f"[red]{late}[/]" if each.is_overdue else late,
            duration(each.delay_max_s),
            duration(each.lag_p50_s) if each.HasField("lag_p50_s") else "-",
            duration(each.lag_p95_s) if each.HasField("lag_p95_s") else "-",
            str(each.fact_count),
            moment(each.last_fact_at),
            moment(each.verified_at),
            str(each.open_failure_count),
            str(each.unsettled_write_count),
        )
    console.print(table)


def _render_audit(console: Console, answer: pb.AuditSyncResponse) -> None:
    if not answer.sums:
        console.print("everything could be read")
        return
    table = plain_table(
        "system", "kind", "field", "rows", "open", "reason", numbers=("rows", "open")
    )
    for each in answer.sums:
        table.add_row(
            each.system,
            escape(each.entity),
            escape(each.field) or "(the row)",
            str(each.row_count),
            str(each.open_count),
            each.reason,
        )
    console.print(table)
    rows = plain_table("number", "system", "row", "field", "first", "last", "read")
    for failure in answer.failures:
        rows.add_row(
            str(failure.failure_id),
            failure.system,
            failure.key_digest[:12],
            escape(failure.field) or "(the row)",
            moment(failure.failed_at),
            moment(failure.last_at),
            moment(failure.resolved_at),
        )
    console.print(rows)


def _render_conflicts(console: Console, answer: pb.ListConflictsResponse) -> None:
    if not answer.conflicts:
        console.print("every system was told")
        return
    table = plain_table(
        "number", "system", "fields", "won", "state", "tries", "next", "customer", "reason"
    )
    for each in answer.conflicts:
        table.add_row(
            str(each.write_back_id),
            each.system,
            ", ".join(each.fields),
            ", ".join(winner or "steward" for winner in dict.fromkeys(each.winners)),
            _STATES.get(each.state, "unknown"),
            str(each.attempt_count),
            moment(each.due_at),
            each.golden_id[:12] or "gone",
            each.reason,
        )
    console.print(table)


def _render_differences(console: Console, answer: pb.ListDifferencesResponse) -> None:
    if not answer.night:
        console.print("no night was compared yet")
        return
    end = moment(answer.finished_at) if answer.HasField("finished_at") else "not yet"
    console.print(
        f"night of {answer.night}: {answer.difference_count} differences among "
        f"{answer.customer_count} customers; ended {end}"
    )
    table = plain_table("customer", "field", "says what stands", "says otherwise")
    for each in answer.differences:
        stands = [party.system for party in each.parties if party.stands]
        others = [f"{party.system} ({party.number})" for party in each.parties if not party.stands]
        table.add_row(each.golden_id[:12], each.field, ", ".join(stands), ", ".join(others))
    console.print(table)


def duration(seconds: float) -> str:
    """A duration in the unit that a reader thinks in."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"
