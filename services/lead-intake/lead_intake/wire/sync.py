"""Between the contract of offline sync, its kept form and the domain; nothing is decided here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from leadchain.intake.v1 import events_pb2, facts_events_pb2
from leadchain.intake.v1 import sync_service_pb2 as pb
from servicekit.errors import Invalid

from lead_intake.domain.media import MediaNote
from lead_intake.domain.sync import (
    FIELDS_BYTES_MAX,
    Change,
    Conflict,
    Record,
    RecordKey,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lead_intake.seals import Seals

CHANNEL = "mobile_sync"
SYSTEM = "mobile"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Kept(msgspec.Struct, array_like=True):
    """A record's fields and its last deletion, as they are sealed."""

    fields: dict[str, Written]
    deleted: Written | None


class Unreadable(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A change cannot be read; the text is a short code."""


def change(message: pb.Change) -> Change:
    """A change as a device sent it; raises `Unreadable`."""
    try:
        change_id = UUID(message.change_id)
    except ValueError:
        raise Unreadable("bad_change_id") from None
    if not message.HasField("modified_at") or message.modified_at.seconds <= 0:
        raise Unreadable("time_missing")
    return Change(
        change_id,
        message.client_id,
        RecordKey(message.collection, message.record_id),
        _fields(message.fields),
        _time(message.modified_at),
        message.base_version,
        message.is_deleted,
    )


def result(
    change_id: str, outcome: int, version: int, conflicts: Sequence[Conflict], reason: str
) -> pb.ChangeResult:
    """What became of a change, in the contract's words."""
    return pb.ChangeResult(
        change_id=change_id,
        outcome=pb.ChangeOutcome.ValueType(outcome),
        version=version,
        conflicts=[_conflict(each) for each in conflicts],
        reason=reason,
    )


def record(kept: bytes, *, version: int) -> Record:
    """A record as it was kept."""
    decoded = msgspec.json.decode(kept, type=_Kept)
    return Record(version, MappingProxyType(decoded.fields), decoded.deleted)


def record_bytes(kept: Record) -> bytes:
    """A record as it is kept, before it is sealed."""
    return msgspec.json.encode(_Kept(dict(kept.fields), kept.deleted))


def conflicts_bytes(conflicts: Sequence[Conflict]) -> bytes:
    """Conflicts as they are kept, before they are sealed."""
    return msgspec.json.encode(list(conflicts))


def conflicts(kept: bytes) -> tuple[Conflict, ...]:
    """Conflicts as they were kept."""
    return tuple(msgspec.json.decode(kept, type=list[Conflict]))


def modified_at(kept: Record) -> datetime:
    """When a record was last modified, by its devices' clocks."""
    written = [each.stamp.modified_at_us for each in kept.fields.values()]
    if kept.deleted is not None:
        written.append(kept.deleted.stamp.modified_at_us)
    return _moment(max(written))


def synced_record(key: RecordKey, kept: Record, *, version: int, at: datetime) -> pb.SyncedRecord:
    """A record as a device gets it."""
    message = pb.SyncedRecord(
        collection=key.collection,
        record_id=key.record_id,
        version=version,
        is_deleted=kept.is_deleted,
    )
    if not kept.is_deleted:
        values = {name: written.value for name, written in kept.fields.items()}
        message.fields = msgspec.json.encode(values)
    message.modified_at.FromDatetime(at)
    return message


def record_changed(
    made: Change, owner_id: str, seals: Seals, *, now: datetime
) -> facts_events_pb2.SourceRecordChanged:
    """The fact that a device's record has changed; its fields travel sealed."""
    event = facts_events_pb2.SourceRecordChanged(
        system=SYSTEM,
        entity=made.key.collection,
        record_key=f"{owner_id}/{made.key.record_id}",
        is_deleted=made.is_deleted,
        sealed_fields=seals.ring.seal(msgspec.json.encode(dict(made.fields)), made.change_id.bytes),
    )
    event.origin.item_id = event.origin.external_id = str(made.change_id)
    event.origin.channel, event.origin.account = CHANNEL, owner_id
    event.origin.trust = events_pb2.TRUST_STRONG
    event.origin.received_at.FromDatetime(now)
    event.modified_at.FromDatetime(made.modified_at)
    return event


def media_note(request: pb.CheckMediaNoteRequest) -> MediaNote:
    """A photo and its place as a device describes them; raises `Invalid` for a time that is none."""
    try:
        taken_at = _time(request.taken_at) if request.HasField("taken_at") else None
    except Unreadable:
        raise Invalid("taken_at is no time") from None
    return MediaNote(
        request.content_type,
        request.size_bytes,
        taken_at,
        request.latitude_deg,
        request.longitude_deg,
        request.accuracy_m,
    )


def _fields(raw: bytes) -> Mapping[str, Any]:
    if len(raw) > FIELDS_BYTES_MAX:
        raise Unreadable("fields_too_large")
    if not raw:
        return {}
    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("fields_not_json") from None
    if not isinstance(fields, dict) or not all(fields):
        raise Unreadable("fields_not_object")
    return fields


def _conflict(each: Conflict) -> pb.FieldConflict:
    message = pb.FieldConflict(
        field=each.field,
        winning_value=msgspec.json.encode(each.winner.value),
        winning_client_id=each.winner.stamp.client_id,
        losing_value=msgspec.json.encode(each.loser.value),
        losing_client_id=each.loser.stamp.client_id,
    )
    message.winning_modified_at.FromDatetime(_moment(each.winner.stamp.modified_at_us))
    message.losing_modified_at.FromDatetime(_moment(each.loser.stamp.modified_at_us))
    return message


def _time(stamp: Any) -> datetime:
    try:
        moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Unreadable("bad_time") from None
    return moment


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
