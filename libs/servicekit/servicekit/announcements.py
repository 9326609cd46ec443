"""Announcements: what whoever listens right now is told at once, over plain NATS, without a stream.

An announcement may be lost; what it says has been committed, carries a number, and can be asked for. Its subject is
the event's own behind the word `announce`, which no stream holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog
from google.protobuf.message import DecodeError
from nats.errors import Error as NatsError

from servicekit.events import Event, headers_of, subject_filter, subject_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from servicekit.events import OutgoingEvent

log = structlog.get_logger()

PREFIX = "announce"
SEND_TIMEOUT_S = 1.0

E = TypeVar("E", bound=Event)


class Announcements:
    """Sends and hears announcements. A part of a service, started once the bus is connected.

    `connect` gives the NATS client; `source` is the service that announces.
    """

    name = "announcements"

    def __init__(self, connect: Callable[[], Client], *, source: str) -> None:
        self._connect = connect
        self._source = source
        self._listeners: dict[str, Callable[[Msg], None]] = {}
        self._subscriptions: list[Subscription] = []

    def hear(self, event_class: type[E], handle: Callable[[E], None]) -> None:
        """Calls `handle` with each announced event; register before `start`. What cannot be read is logged."""

        def receive(message: Msg) -> None:
            event = event_class()
            try:
                event.ParseFromString(message.data)
            except DecodeError:
                log.warning("announcement_not_read", event_type=event_class.DESCRIPTOR.full_name)
                return
            handle(event)

        self._listeners[event_class.DESCRIPTOR.full_name] = receive

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        """Announces committed events; one that cannot leave within a second is dropped, and that is logged."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                for event in events:
                    subject = f"{PREFIX}.{subject_of(event.event_type, event.key)}"
                    headers = headers_of(event, source=self._source)
                    await self._connect().publish(subject, event.payload, headers=headers)
        except (NatsError, OSError) as error:
            log.warning("announcement_not_sent", error_type=type(error).__name__)

    async def start(self) -> None:
        """Begins to hear."""
        for event_type, receive in self._listeners.items():
            subject = f"{PREFIX}.{subject_filter(event_type)}"
            subscription = await self._connect().subscribe(subject, cb=_awaited(receive))
            self._subscriptions.append(subscription)

    async def stop(self) -> None:
        """Hears no more."""
        for subscription in self._subscriptions:
            await subscription.unsubscribe()
        self._subscriptions.clear()

    def problem(self) -> str | None:
        """None: what is missed is asked for by whoever needs it."""
        return None


def _awaited(receive: Callable[[Msg], None]) -> Callable[[Msg], Awaitable[None]]:
    async def callback(message: Msg) -> None:
        receive(message)

    return callback
