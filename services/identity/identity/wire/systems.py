"""Rows of systems, what they are told, and how late they are: protobuf to domain and back."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from leadchain.identity.v1.customer_events_pb2 import SourceDiverged, SourceStale
from servicekit.errors import InvalidMessage
from servicekit.sealing import NotSealed, SealBroken

from identity.domain.crosswalk import NAME_CHARS_MAX, SourceRow
from identity.domain.field_maps import MAIN_ENTITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from leadchain.intake.v1.facts_events_pb2 import SourceRecordChanged
    from servicekit.sealing import KeyRing

    from identity.domain.freshness import Standing
    from identity.domain.systems import SystemPolicy

KEY_CHARS_MAX = 500
UINT32_MAX = 2**32 - 1


def source_row(event: SourceRecordChanged, ring: KeyRing) -> SourceRow:
    """The row of an event; one whose fields are no object has none.

    Raises `InvalidMessage` for an event without a system or key; an unknown key of the ring is an `UnknownKey`, which
    may come right.
    """
    if not (event.system and 0 < len(event.record_key) <= KEY_CHARS_MAX):
        raise InvalidMessage("a row without a system or a key")
    received_at = event.occurred_at.ToDatetime(tzinfo=UTC)
    if event.origin.HasField("received_at"):
        received_at = event.origin.received_at.ToDatetime(tzinfo=UTC)
    modified_at = event.modified_at.ToDatetime(tzinfo=UTC)
    return SourceRow(
        event.system[:NAME_CHARS_MAX],
        (event.entity or MAIN_ENTITY)[:NAME_CHARS_MAX],
        event.record_key,
        _opened(event, ring),
        modified_at if event.HasField("modified_at") else received_at,
        received_at,
        event.is_deleted,
    )


def source_diverged(
    golden_id: str, system: str, fields: Sequence[str], reason: str
) -> SourceDiverged:
    """The event that a system says something else than what stands."""
    return SourceDiverged(golden_id=golden_id, system=system, fields=fields, reason=reason)


def source_stale(policy: SystemPolicy, standing: Standing, *, is_over: bool) -> SourceStale:
    """The event that a system is late, or on time again."""
    return SourceStale(
        system=policy.name,
        delay_s=min(UINT32_MAX, int(standing.delay_s)),
        delay_max_s=int(policy.delay_max.total_seconds()),
        is_over=is_over,
    )


def stamp(target: Any, at: datetime | None) -> None:
    """Sets a timestamp field; leaves it absent for None."""
    if at is not None:
        target.FromDatetime(at)


def _opened(event: SourceRecordChanged, ring: KeyRing) -> Mapping[str, Any] | None:
    if not event.sealed_fields:
        return {} if event.is_deleted else None
    try:
        content = ring.open(event.sealed_fields, UUID(event.origin.item_id).bytes)
        row = msgspec.json.decode(content)
    except (NotSealed, SealBroken, ValueError, msgspec.DecodeError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
