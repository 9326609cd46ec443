"""Between the contracts and how far accounts are compared with their senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import channel_events_pb2, watching_service_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lead_intake.store.pulls import KeptPull, Setback


def pull_failed(
    setback: Setback, *, channel: str, account: str, compared_until: datetime
) -> channel_events_pb2.PullFailed:
    """The event of a row of failures."""
    event = channel_events_pb2.PullFailed(
        channel=channel,
        account=account,
        reason=setback.failure,
        is_permanent=setback.is_permanent,
        failure_count=setback.failure_count,
    )
    event.compared_until.FromDatetime(compared_until)
    return event


def pulls_response(pulls: Sequence[KeptPull]) -> watching_service_pb2.ListPullsResponse:
    """How far accounts are compared, in the order given."""
    response = watching_service_pb2.ListPullsResponse()
    for each in pulls:
        pull = response.pulls.add(
            channel=each.channel,
            account=each.account,
            failure_count=each.failure_count,
            failure=each.failure,
            is_permanent=each.is_permanent,
            seen_count=each.seen_count,
            backfilled_count=each.backfilled_count,
        )
        pull.compared_until.FromDatetime(each.compared_until)
        pull.due_at.FromDatetime(each.due_at)
    return response
