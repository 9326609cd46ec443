"""One message as a consumer sees it: decoded, identified, and answered.

Nothing that a message carries is trusted: ids and trace contexts become keys of rows, so one that could not be stored
is replaced or left out here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from uuid import UUID

import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from servicekit.errors import InvalidMessage
from servicekit.events import Event
from servicekit.frames import bare_frame, write_frames
from servicekit.telemetry.context import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = structlog.get_logger()

SUSPECT_DELIVERIES = 3
"""From this delivery on a message is handled alone: it may be the one that kills the process."""

_USUAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_STORABLE_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TOKENS_WITHOUT_DOMAIN = 9

E = TypeVar("E", bound=Event)


class Delivery(NamedTuple, Generic[E]):
    """One delivered message.

    `event_id` is a UUID in its usual form; of a message with a `flaw`, which has no usable event, it is the message's
    place in the stream or whatever id it states.
    """

    message: Msg
    event: E
    event_id: str
    traceparent: str | None
    delivery_count: int
    flaw: InvalidMessage | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether the message must be handled alone."""
        return self.flaw is not None or self.delivery_count >= SUSPECT_DELIVERIES


def read(message: Msg, event_class: type[E]) -> Delivery[E]:
    """Decodes a message; one that is not an event of the class has a flaw."""
    headers = message.headers or {}
    traceparent = normalised(headers.get("traceparent"))
    delivery_count, sequence = _place(message.reply)
    event = event_class()
    try:
        decode(event, message.data)
    except InvalidMessage as flaw:
        stated = event.event_id or headers.get("ce-id", "")
        event_id = stated if _STORABLE_ID.fullmatch(stated) else f"sequence-{sequence}"
        return Delivery(message, event, event_id, traceparent, delivery_count, flaw)
    return Delivery(message, event, event.event_id, traceparent, delivery_count)


def decode(event: Event, payload: bytes) -> None:
    """Reads an event's bytes into it; raises `InvalidMessage` when they are none or have no UUID as id."""
    try:
        event.ParseFromString(payload)
        if not _USUAL_UUID.fullmatch(event.event_id):
            event.event_id = str(UUID(event.event_id))
    except (DecodeError, ValueError) as error:
        raise InvalidMessage(f"undecodable: {error}") from error


async def acknowledge(messages: Sequence[Msg]) -> None:
    """Says that messages of one client are done; an answer that is lost brings the message again, to no effect."""
    client = messages[0]._client  # noqa: SLF001 - what `Msg.ack` answers over
    try:
        await write_frames(client, [bare_frame(message.reply) for message in messages])
    except NatsError as error:
        log.info("ack_not_sent", error=type(error).__name__)


async def hand_back(messages: Iterable[Msg], delay_s: float | None = None) -> None:
    """Asks for messages again after a while, or at once."""
    try:
        for message in messages:
            await message.nak(delay=delay_s)
    except NatsError as error:
        log.info("nak_not_sent", error=type(error).__name__)


async def prolong(messages: Sequence[Msg]) -> None:
    """Starts the time anew within which messages of one client must be answered."""
    client = messages[0]._client  # noqa: SLF001 - what `Msg.in_progress` answers over
    try:
        await write_frames(client, [bare_frame(m.reply, Msg.Ack.Progress) for m in messages])
    except NatsError as error:
        log.info("progress_not_sent", error=type(error).__name__)


def _place(reply: str) -> tuple[int, int]:
    """How often a message was delivered and its sequence in the stream: both are in its reply subject."""
    tokens = reply.split(".")
    first = 4 if len(tokens) == _TOKENS_WITHOUT_DOMAIN else 6
    return int(tokens[first]), int(tokens[first + 1])
