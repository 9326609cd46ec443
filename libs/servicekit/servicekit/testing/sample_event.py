"""An event of nobody's, for testing what carries events: `servicekit.testing.v1.SampleHappened`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

if TYPE_CHECKING:
    from servicekit.events import Event

STREAM = "TESTING"
SUBJECTS = ["servicekit.testing.v1.>"]
PACKAGE = "servicekit.testing.v1"

_FIELD = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="servicekit/testing/v1/events.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[timestamp_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="SampleHappened")
    text = _FIELD.TYPE_STRING
    message.field.add(name="event_id", number=1, type=text, label=_FIELD.LABEL_OPTIONAL)
    message.field.add(
        name="occurred_at",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        type_name=".google.protobuf.Timestamp",
        label=_FIELD.LABEL_OPTIONAL,
    )
    message.field.add(name="key", number=3, type=text, label=_FIELD.LABEL_OPTIONAL)
    message.field.add(name="number", number=4, type=_FIELD.TYPE_UINT64, label=_FIELD.LABEL_OPTIONAL)
    return file


_descriptor = descriptor_pool.Default().AddSerializedFile(_file().SerializeToString())
SampleHappened = cast(
    "type[Event]",
    message_factory.GetMessageClass(
        descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.SampleHappened")
    ),
)
"""Fields: `event_id`, `occurred_at`, `key` (text), `number` (unsigned integer)."""
