"""One consumer: what happens to the messages of one event type that one service reads.

A message has three outcomes: done (acknowledged after the commit), later (a delayed negative acknowledgement), never
(quarantined as a dead letter, then acknowledged). An outage of the service's own database is no fault of the message:
it comes again soon and no try is counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

import structlog
from google.protobuf.message import DecodeError
from nats.errors import Error as NatsError

from servicekit import dead_letters, inbox, metrics, telemetry
from servicekit.errors import Ack, InvalidMessage, Unavailable, outcome_of
from servicekit.events import Event
from servicekit.masking import mask_text
from servicekit.retry_schedule import CRASH_DELIVERIES, DELAYS_S, OUTAGE_DELAY_S, next_delay_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nats.aio.msg import Msg

    from servicekit.database import Database, UnitOfWork

log = structlog.get_logger()

HANDLER_TIMEOUT_S = 20.0
"""Longest time for one batch; below the consumer's `ack_wait`, so that no batch is delivered while it runs."""

ERROR_LENGTH_MAX = 500
SUSPECT_DELIVERIES = 3
"""From this delivery on a message is handled alone: it may be the one that kills the process."""

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Delivery(Generic[E]):
    """One message, decoded."""

    message: Msg
    event: E
    traceparent: str | None
    delivery_count: int


class Consumer(Generic[E]):
    """Handles the messages of one event type.

    `name` is the durable's name and the inbox's. `handle` gets the events that this consumer has not yet handled, in
    order, and the unit of work; whatever it raises is a failed try.
    """

    def __init__(
        self,
        name: str,
        event_class: type[E],
        handle: Callable[[Sequence[E], UnitOfWork], Awaitable[None]],
        database: Database,
        *,
        delays_s: tuple[float, ...] = DELAYS_S,
    ) -> None:
        self.name = name
        self.event_class = event_class
        self.event_type = event_class.DESCRIPTOR.full_name
        self._handle = handle
        self._database = database
        self._delays_s = delays_s
        self._handled = metrics.MESSAGES_PROCESSED.labels(consumer=name)
        self._duplicates = metrics.INBOX_DUPLICATES.labels(consumer=name)
        self._batch_size = metrics.HANDLER_BATCH_SIZE.labels(consumer=name)
        self._duration_s = metrics.HANDLER_DURATION_S.labels(consumer=name)

    async def deliver(self, messages: Sequence[Msg]) -> None:
        """Takes a fetched batch to its outcomes; never raises for what a message does."""
        readable = [d for message in messages if (d := await self._read(message)) is not None]
        together = [d for d in readable if d.delivery_count < SUSPECT_DELIVERIES]
        if together:
            await self._attempt(together)
        for delivery in readable:
            if delivery.delivery_count >= SUSPECT_DELIVERIES:
                await self._attempt([delivery])

    async def replay(self, letter: dead_letters.DeadLetter) -> None:
        """Handles a dead letter again and removes it, in one transaction; raises what the handler raises."""
        event = self.event_class()
        event.ParseFromString(letter.payload)
        async with (
            asyncio.timeout(HANDLER_TIMEOUT_S),
            self._database.unit_of_work(traces={event.event_id: letter.traceparent}) as uow,
        ):
            if await inbox.claim(uow.raw, self.name, [event.event_id]):
                await self._handle([event], uow)
            await dead_letters.discard(uow.raw, self.name, letter.event_id)

    async def _read(self, message: Msg) -> Delivery[E] | None:
        """The message decoded; None when it was quarantined instead."""
        headers = message.headers or {}
        event = self.event_class()
        delivery_count = message.metadata.num_delivered or 1
        delivery = Delivery(message, event, headers.get("traceparent"), delivery_count)
        try:
            event.ParseFromString(message.data)
            UUID(event.event_id)
        except (DecodeError, ValueError) as error:
            await self._retry_or_bury(delivery, InvalidMessage(f"undecodable: {error}"))
            return None
        if delivery_count > CRASH_DELIVERIES:
            lost = InvalidMessage(f"delivered {delivery_count} times without an answer")
            await self._retry_or_bury(delivery, lost)
            return None
        return delivery

    async def _attempt(self, deliveries: Sequence[Delivery[E]]) -> None:
        try:
            with self._duration_s.time():
                await self._commit(deliveries)
        except Exception as error:  # noqa: BLE001 - every fault of a handler has an outcome
            await self._failed(deliveries, error)
            return
        self._batch_size.observe(len(deliveries))
        self._handled.inc(len(deliveries))
        for delivery in deliveries:
            await _ack(delivery.message)

    async def _commit(self, deliveries: Sequence[Delivery[E]]) -> None:
        """Claims, handles and commits the events that are new; the rest were handled before."""
        traceparents = [delivery.traceparent for delivery in deliveries]
        with telemetry.process_batch(self.name, self.event_type, traceparents) as spans:
            traces = {d.event.event_id: spans.traceparent_of(i) for i, d in enumerate(deliveries)}
            async with (
                asyncio.timeout(HANDLER_TIMEOUT_S),
                self._database.unit_of_work(traces=traces) as uow,
            ):
                claimed = await inbox.claim(uow.raw, self.name, list(traces))
                fresh = [d.event for d in deliveries if _take(claimed, d.event.event_id)]
                self._duplicates.inc(len(deliveries) - len(fresh))
                if fresh:
                    await self._handle(fresh, uow)
                again = [d.event.event_id for d in deliveries if d.delivery_count > 1]
                if again:
                    await dead_letters.forget_failures(uow.raw, self.name, again)

    async def _failed(self, deliveries: Sequence[Delivery[E]], error: Exception) -> None:
        if isinstance(error, Unavailable) or self._database.problem():
            log.warning("consumer_outage", consumer=self.name, error=type(error).__name__)
            for delivery in deliveries:
                await _nak(delivery.message, OUTAGE_DELAY_S)
        elif len(deliveries) > 1:
            for delivery in deliveries:
                await self._attempt([delivery])
        else:
            await self._retry_or_bury(deliveries[0], error)

    async def _retry_or_bury(self, delivery: Delivery[E], error: Exception) -> None:
        kind = type(error).__name__
        metrics.MESSAGES_FAILED.labels(self.name, kind).inc()
        try:
            delay_s = await self._record(delivery, error)
        except Exception as fault:  # noqa: BLE001 - the message is not acknowledged, so it comes again
            log.warning("failure_not_recorded", consumer=self.name, error=type(fault).__name__)
            delay_s = OUTAGE_DELAY_S
        if delay_s is None:
            metrics.MESSAGES_QUARANTINED.labels(self.name, kind).inc()
            log.error(
                "message_quarantined", consumer=self.name, event_id=_id_of(delivery), error=kind
            )
            await _ack(delivery.message)
        else:
            await _nak(delivery.message, delay_s)

    async def _record(self, delivery: Delivery[E], error: Exception) -> float | None:
        """Writes the failed try down; returns the seconds until the next, None when the message was buried."""
        event_id = _id_of(delivery)
        text = f"{type(error).__name__}: {mask_text(str(error))}"[:ERROR_LENGTH_MAX]
        async with self._database.unit_of_work() as uow:
            failure = await dead_letters.record_failure(
                uow.raw, self.name, event_id, error=text, now=uow.now
            )
            if outcome_of(error).ack is not Ack.QUARANTINE:
                delay_s = next_delay_s(failure.attempt_count, self._delays_s)
                if delay_s is not None:
                    return delay_s
            letter = dead_letters.DeadLetter(
                consumer=self.name,
                event_id=event_id,
                event_type=self.event_type,
                payload=delivery.message.data,
                error=text,
                attempt_count=failure.attempt_count,
                first_failed_at=failure.first_failed_at,
                quarantined_at=uow.now,
                traceparent=delivery.traceparent,
            )
            await dead_letters.bury(uow.raw, letter)
            await dead_letters.forget_failures(uow.raw, self.name, [event_id])
        return None


def _take(claimed: set[str], event_id: str) -> bool:
    """Whether the event is newly claimed; true once, so that a batch with a duplicate handles it once."""
    if event_id in claimed:
        claimed.remove(event_id)
        return True
    return False


def _id_of(delivery: Delivery[E]) -> str:
    """The event's id, or for one that cannot be decoded the message's place in its stream."""
    headers = delivery.message.headers or {}
    sequence = delivery.message.metadata.sequence.stream
    return (delivery.event.event_id or headers.get("ce-id") or f"sequence-{sequence}")[:64]


async def _ack(message: Msg) -> None:
    try:
        await message.ack()
    except NatsError as error:
        log.info("ack_not_sent", error=type(error).__name__)


async def _nak(message: Msg, delay_s: float) -> None:
    try:
        await message.nak(delay=delay_s)
    except NatsError as error:
        log.info("nak_not_sent", error=type(error).__name__)
