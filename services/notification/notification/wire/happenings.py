"""Events as policies see them: every field by its name, as text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.errors import InvalidMessage

from notification.domain.reminders import Happening, Ownership, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message
    from leadchain.assignment.v1.events_pb2 import LeadAssigned, LeadMerged, LeadWithdrawn
    from leadchain.assignment.v1.pool_events_pb2 import LeadClaimed, LeadPooled
    from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipGranted

_TIMESTAMP = Timestamp.DESCRIPTOR.full_name
_ENTITY = "leadchain.permissions.v1.Entity"
_LEAD_FACTS = "leadchain.intake.v1.LeadFacts"
_UNTOLD = frozenset({"event_id", "occurred_at"})

_Reader = tuple[str, Callable[[Any], Any], Callable[[Any], str]]
"""A field's name, the message that has it, and its text."""


def happening(
    event: Any, *, traceparent: str | None, used: frozenset[str] | None = None
) -> Happening:
    """An event with its fields, or with those of `used` only.

    What is sealed, nested or binary is left out, but for what a lead's facts say plainly. Raises `InvalidMessage`.
    """
    fields = {name: text(owner(event)) for name, owner, text in _readers(event.DESCRIPTOR, used)}
    if not _is_uuid_or_empty(fields.get("lead_id", "")):
        raise InvalidMessage("lead_id is not a UUID")
    received = _message_time(event, "received_at") or _message_time(event, "occurred_at")
    return Happening(
        event=event.DESCRIPTOR.name,
        event_id=event.event_id,
        fields=fields,
        resource=_resource(event),
        received_at=received,
        traceparent=traceparent,
    )


def field_names(descriptor: Any) -> frozenset[str]:
    """The names that an event's fields have in policies."""
    names = {field.name for field in descriptor.fields if _is_plain(field)} - _UNTOLD
    for field in descriptor.fields:
        if _is_message(field, _LEAD_FACTS):
            names |= {f.name for f in field.message_type.fields if _is_plain(f)}
    return frozenset(names)


def has_resource(descriptor: Any) -> bool:
    """Whether an event names a typed resource."""
    return any(_is_message(f, _ENTITY) and f.name == "resource" for f in descriptor.fields)


def assigned(event: LeadAssigned) -> list[Ownership]:
    """Who owns a lead now, and its customer."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    lead = Resource("lead", event.lead_id)
    customer = Resource("customer", event.golden_id)
    return [
        Ownership(lead, event.assignee_id, event.assignment_no, since),
        Ownership(customer, event.assignee_id, 0, since),
    ]


def pooled(event: LeadPooled) -> list[Ownership]:
    """Nobody owns a lead that lies in the public pool, from the assignment on that it ended."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource("lead", event.lead_id), "", event.assignment_no, since)]


def claimed(event: LeadClaimed) -> list[Ownership]:
    """Who took a lead out of the public pool."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource("lead", event.lead_id), event.rep_id, 0, since)]


def granted(event: OwnershipGranted) -> list[Ownership]:
    """Who owns a lead now, as permissions says."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource("lead", event.lead_id), event.owner_id, 0, since)]


def released(event: CustomerReleased) -> list[Ownership]:
    """Nobody owns what went to the public pool."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource(event.resource.type, event.resource.id), "", 0, since)]


def withdrawn(event: LeadWithdrawn) -> list[Ownership]:
    """Nobody owns a lead that was taken back."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource("lead", event.lead_id), "", 0, since)]


def merged(event: LeadMerged) -> list[Ownership]:
    """A lead that joined another has that one's owner."""
    since = event.occurred_at.ToDatetime(tzinfo=UTC)
    return [Ownership(Resource("lead", event.lead_id), event.assignee_id, 0, since)]


def _is_uuid_or_empty(text: str) -> bool:
    try:
        return not text or bool(UUID(text))
    except ValueError:
        return False


@lru_cache(maxsize=1000)
def _readers(descriptor: Any, used: frozenset[str] | None) -> tuple[_Reader, ...]:
    """How each field of an event is read, decided once for all events of a kind."""
    return tuple(_found(descriptor, used, lambda event: event))


def _found(
    descriptor: Any, used: frozenset[str] | None, owner: Callable[[Any], Any]
) -> Iterator[_Reader]:
    for field in descriptor.fields:
        if _is_message(field, _LEAD_FACTS):
            yield from _found(field.message_type, used, attrgetter(field.name))
        elif (used is None or field.name in used) and _is_plain(field):
            yield field.name, owner, _text_of(field)


def _is_plain(field: Any) -> bool:
    if field.message_type is not None:
        return bool(field.message_type.full_name == _TIMESTAMP)
    return bool(field.type != field.TYPE_BYTES)


def _is_message(field: Any, name: str) -> bool:
    return field.message_type is not None and bool(field.message_type.full_name == name)


def _text_of(field: Any) -> Callable[[Any], str]:
    name, read = field.name, attrgetter(field.name)
    if field.message_type is not None:
        return lambda event: _time(read(event)) if event.HasField(name) else ""
    if field.is_repeated:
        return lambda event: ", ".join(str(each) for each in read(event))
    if field.enum_type is not None:
        words = field.enum_type.values_by_number
        return lambda event: str(words[read(event)].name).lower()
    if field.type == field.TYPE_STRING:
        return read
    return lambda event: str(read(event) or "")


def _time(stamp: Any) -> str:
    return str(stamp.ToDatetime(tzinfo=UTC).isoformat())


def _message_time(event: Message, name: str) -> datetime | None:
    if name not in event.DESCRIPTOR.fields_by_name or not event.HasField(name):
        return None
    stamp: datetime = getattr(event, name).ToDatetime(tzinfo=UTC)
    return stamp


def _resource(event: Message) -> Resource | None:
    if not has_resource(event.DESCRIPTOR) or not event.HasField("resource"):
        return None
    entity = event.resource  # type: ignore[attr-defined]  # has_resource saw it
    return Resource(entity.type, entity.id)
