"""Backfills to protobuf and back."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.identity.v1 import backfills_service_pb2 as pb

from identity.domain.backfills import BackfillNotFound, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.domain.backfills import Backfill


def backfill_id(text: str) -> UUID:
    """The id of a backfill; raises `BackfillNotFound` for what can be none."""
    try:
        return UUID(text)
    except ValueError:
        raise BackfillNotFound from None


def rows(messages: Sequence[pb.BackfillRow]) -> list[Row]:
    """Rows as they came."""
    return [
        Row(
            message.source_key,
            dict(message.fields),
            message.modified_at.ToDatetime(tzinfo=UTC) if message.HasField("modified_at") else None,
            message.actor,
        )
        for message in messages
    ]


def backfill(known: Backfill) -> pb.Backfill:
    """How far a backfill is."""
    counts = known.counts
    message = pb.Backfill(
        backfill_id=str(known.backfill_id),
        system=known.system,
        name=known.name,
        total_count=known.total_count,
        done_count=counts.done,
        refused_count=counts.refused,
        new_count=counts.new,
        joined_count=counts.joined,
        unchanged_count=counts.unchanged,
        opened_by=known.opened_by,
    )
    message.opened_at.FromDatetime(known.opened_at)
    if known.done_at is not None:
        message.done_at.FromDatetime(known.done_at)
    if known.closed_at is not None:
        message.closed_at.FromDatetime(known.closed_at)
    return message


def backfills_response(known: Sequence[Backfill], *, size: int) -> pb.ListBackfillsResponse:
    """A page of backfills; `size` were asked for."""
    last = str(known[-1].backfill_id) if len(known) == size else ""
    return pb.ListBackfillsResponse(
        backfills=[backfill(each) for each in known], next_page_token=last
    )


def refused_response(
    refused: Sequence[tuple[int, str]], *, size: int
) -> pb.ListRefusedRowsResponse:
    """A page of refused rows; `size` were asked for."""
    last = str(refused[-1][0]) if len(refused) == size else ""
    return pb.ListRefusedRowsResponse(
        rows=[pb.RefusedRow(row=number, reason=reason) for number, reason in refused],
        next_page_token=last,
    )
