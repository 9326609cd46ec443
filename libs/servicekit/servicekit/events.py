"""What an event is on the bus: its subject, its headers and its stream.

An event is a protobuf message whose first fields are `event_id` and `occurred_at`. Its subject is its full name and
the partition of its key, so that a later reader can take a share of the keys and still see each key in order.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

import uuid_utils

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.timestamp_pb2 import Timestamp

PARTITIONS = 64


class Event(Protocol):
    """A protobuf event: `event_id`, `occurred_at`, then its own fields."""

    DESCRIPTOR: Descriptor
    event_id: str

    @property
    def occurred_at(self) -> Timestamp:
        """When the fact became true."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """The event's bytes."""

    def ParseFromString(self, serialized: bytes) -> int:  # noqa: N802 - protobuf's name
        """Reads the event's bytes; raises `google.protobuf.message.DecodeError`."""


class OutgoingEvent(NamedTuple):
    """One event as the outbox keeps it: addressed, serialised, and tied to its cause's trace."""

    event_id: str
    event_type: str
    key: str
    payload: bytes
    occurred_at: datetime
    traceparent: str | None


def new_id() -> str:
    """A new UUIDv7 as text: unique, and ordered by time, which keeps index pages warm."""
    return str(uuid_utils.uuid7())


def partition_of(key: str) -> int:
    """The partition of a key, from 0 to 63: CRC-32 modulo 64, the same in every language."""
    return zlib.crc32(key.encode()) % PARTITIONS


def subject_of(event_type: str, key: str) -> str:
    """The subject on which an event about `key` is published."""
    return f"{event_type}.{partition_of(key):02d}"


def subject_filter(event_type: str) -> str:
    """The subject that matches every partition of an event type."""
    return f"{event_type}.*"


def stream_of(event_type: str) -> str:
    """The stream that holds an event type: `leadchain.intake.v1.LeadReceived` is in `INTAKE`."""
    return event_type.split(".")[-3].upper()


def name_of(event_type: str) -> str:
    """The event's own name: `LeadReceived` of `leadchain.intake.v1.LeadReceived`."""
    return event_type.rpartition(".")[2]


def headers_of(event: OutgoingEvent, *, source: str) -> dict[str, str]:
    """NATS headers of an event: CloudEvents 1.0 binary mode, the deduplication id, and the W3C trace context."""
    headers = {
        "Nats-Msg-Id": event.event_id,
        "ce-specversion": "1.0",
        "ce-id": event.event_id,
        "ce-type": event.event_type,
        "ce-source": f"/leadchain/{source}",
        "ce-time": event.occurred_at.isoformat(),
        "ce-subject": event.key,
        "content-type": "application/protobuf",
    }
    if event.traceparent:
        headers["traceparent"] = event.traceparent
    return headers
