"""Drifts of shape to protobuf and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from leadchain.intake.v1 import config_events_pb2 as events
from leadchain.intake.v1 import mappings_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead_intake.domain.shapes import Drift

PATHS_TOLD_MAX = 100
PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WantedDrifts:
    """Which drifts are asked for; channel and account may be empty."""

    channel: str
    account: str
    before: datetime
    limit: int


def schema_drifted(channel: str, account: str, drift: Drift) -> events.SchemaDrifted:
    """The fact that an account's bodies have changed; of each kind at most a hundred paths."""
    return events.SchemaDrifted(
        channel=channel,
        account=account,
        added=drift.added[:PATHS_TOLD_MAX],
        vanished=drift.vanished[:PATHS_TOLD_MAX],
        changed=[
            events.TypeChange(path=each.path, before=each.before, after=each.after)
            for each in drift.changed[:PATHS_TOLD_MAX]
        ],
        grown=drift.grown[:PATHS_TOLD_MAX],
    )


def wanted(request: pb.ListDriftsRequest) -> WantedDrifts:
    """Which drifts are asked for."""
    before = request.before.ToDatetime(tzinfo=UTC) if request.HasField("before") else _LATEST
    limit = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    return WantedDrifts(request.channel, request.account, before, limit)


def drifts_response(drifts: Sequence[bytes]) -> pb.ListDriftsResponse:
    """Drifts as they were told."""
    return pb.ListDriftsResponse(drifts=[events.SchemaDrifted.FromString(each) for each in drifts])
