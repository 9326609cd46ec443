"""Freshness, failures, conflicts and differences of systems: protobuf to domain and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from leadchain.identity.v1 import freshness_service_pb2 as pb
from servicekit.errors import Invalid

from identity.domain import pages
from identity.store.sync_failures import Span
from identity.wire.references import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.domain.write_backs import WriteBack
    from identity.queries.freshness import Board
    from identity.store.comparisons import ListedDifference, Night
    from identity.store.sync_failures import FailureSum, ListedFailure

AUDITED = timedelta(days=30)


def freshness(boards: Sequence[Board]) -> pb.GetFreshnessResponse:
    """How late systems are."""
    return pb.GetFreshnessResponse(systems=map(_freshness, boards))


def span(request: pb.AuditSyncRequest, *, now: datetime) -> Span:
    """The failures that are asked for, of the last 30 days unless it is said."""
    since = now - AUDITED
    if request.HasField("since"):
        since = request.since.ToDatetime(tzinfo=UTC)
    return Span(request.system, since, request.with_resolved)


def before_number(token: str) -> int:
    """The number before which a page begins; raises `WrongPageToken`."""
    before = pages.number(token)
    return pages.NUMBER_MAX if before is None else before


def failures(
    sums: Sequence[FailureSum], listed: Sequence[ListedFailure], *, limit: int
) -> pb.AuditSyncResponse:
    """What could not be read."""
    return pb.AuditSyncResponse(
        sums=[
            pb.SyncFailureSum(
                system=each.system,
                entity=each.entity,
                field=each.field,
                reason=each.reason,
                row_count=each.row_count,
                open_count=each.open_count,
            )
            for each in sums
        ],
        failures=map(_failure, listed),
        next_page_token=str(listed[-1].failure_id) if len(listed) == limit else "",
    )


def conflicts(writes: Sequence[WriteBack], *, limit: int) -> pb.ListConflictsResponse:
    """What systems are told."""
    return pb.ListConflictsResponse(
        conflicts=map(_write_back, writes),
        next_page_token=str(writes[-1].write_back_id) if len(writes) == limit else "",
    )


def night(text: str) -> date | None:
    """The night that is asked for; None for the last. Raises `Invalid`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid("night is not YYYY-MM-DD") from None


def after_difference(token: str) -> tuple[str, str]:
    """The Golden ID and field behind which a page begins; raises `WrongPageToken`."""
    golden_id, slash, field = token.partition("/")
    if token and not (slash and len(golden_id) == 64):
        raise pages.WrongPageToken
    return golden_id, field


def differences(
    of: Night | None, listed: Sequence[ListedDifference], *, limit: int
) -> pb.ListDifferencesResponse:
    """Where systems differ."""
    if of is None:
        return pb.ListDifferencesResponse()
    last = listed[-1] if len(listed) == limit else None
    return pb.ListDifferencesResponse(
        night=of.night.isoformat(),
        customer_count=of.customer_count,
        difference_count=of.difference_count,
        finished_at=moment(of.finished_at),
        differences=map(_difference, listed),
        next_page_token=f"{last.golden_id}/{last.field}" if last else "",
    )


def _freshness(board: Board) -> pb.Freshness:
    policy, state = board.policy, board.state
    return pb.Freshness(
        system=policy.name,
        label_zh=policy.label_zh,
        label_en=policy.label_en,
        lag_p50_s=board.lag_p50_s,
        lag_p95_s=board.lag_p95_s,
        fact_count=board.fact_count,
        watermark=moment(state.watermark),
        last_fact_at=moment(state.last_fact_at),
        heard_at=moment(state.heard_at),
        verified_at=moment(state.verified_at),
        delay_s=board.standing.delay_s if board.standing else None,
        delay_max_s=int(policy.delay_max.total_seconds()),
        is_overdue=bool(board.standing and board.standing.is_overdue),
        stale_since=moment(state.stale_since),
        open_failure_count=board.open_failure_count,
        unsettled_write_count=board.unsettled_write_count,
    )


def _failure(failure: ListedFailure) -> pb.SyncFailure:
    return pb.SyncFailure(
        failure_id=failure.failure_id,
        system=failure.system,
        entity=failure.entity,
        key_digest=failure.key_digest.hex(),
        field=failure.field,
        reason=failure.reason,
        failed_at=moment(failure.failed_at),
        last_at=moment(failure.last_at),
        resolved_at=moment(failure.resolved_at),
    )


def _write_back(write: WriteBack) -> pb.WriteBack:
    return pb.WriteBack(
        write_back_id=write.write_back_id,
        golden_id=write.golden_id,
        system=write.system,
        fields=write.fields,
        winners=write.winners,
        state=pb.WriteBackState.ValueType(write.state),
        reason=write.reason,
        attempt_count=write.attempt_count,
        made_at=moment(write.made_at),
        due_at=moment(None if write.done_at else write.due_at),
        done_at=moment(write.done_at),
    )


def _difference(found: ListedDifference) -> pb.FieldDifference:
    return pb.FieldDifference(
        golden_id=found.golden_id,
        field=found.field,
        parties=[
            pb.Party(system=system, number=party, stands=party == found.standing)
            for system, party in zip(found.systems, found.parties, strict=True)
        ],
    )
