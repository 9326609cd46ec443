"""One consumer: what happens to the messages of one event type that one service reads.

A message has three outcomes: done (acknowledged after the commit), later (a delayed negative acknowledgement), never
(quarantined as a dead letter, then acknowledged). An outage of the service's own database is no fault of the message:
it comes again soon and no try is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from servicekit import dead_letters, inbox, metrics, telemetry
from servicekit.deliveries import Delivery, acknowledge, decode, hand_back, read
from servicekit.errors import Ack, InvalidMessage, Unavailable, outcome_of
from servicekit.events import Event
from servicekit.masking import mask_text
from servicekit.retry_schedule import CRASHES_MAX, DELAYS_S, OUTAGE_DELAY_S, next_delay_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nats.aio.msg import Msg

    from servicekit.database import Database, UnitOfWork

log = structlog.get_logger()

HANDLER_TIMEOUT_S = 10.0
"""Longest time for one transaction; a third of the consumer's `ack_wait` (see `Consumer.deliver`)."""

ERROR_LENGTH_MAX = 500

E = TypeVar("E", bound=Event)


class Consumer(Generic[E]):
    """Handles the messages of one event type.

    `name` is the durable's name and the inbox's. `handle` gets the events that this consumer has not yet handled, in
    order, and the unit of work; whatever it raises is a failed try. Where `is_convergent`, handling an event again or
    late changes nothing, so that the inbox need not remember it.
    """

    def __init__(  # noqa: PLR0913 - the bus makes it from what a service registered
        self,
        name: str,
        event_class: type[E],
        handle: Callable[[Sequence[E], UnitOfWork], Awaitable[None]],
        database: Database,
        *,
        delays_s: tuple[float, ...] = DELAYS_S,
        handler_timeout_s: float = HANDLER_TIMEOUT_S,
        is_convergent: bool = False,
    ) -> None:
        self.name = name
        self.event_class = event_class
        self.event_type = event_class.DESCRIPTOR.full_name
        self._handle = handle
        self._database = database
        self._delays_s = delays_s
        self._handler_timeout_s = handler_timeout_s
        self._is_convergent = is_convergent
        self._handled = metrics.MESSAGES_PROCESSED.labels(consumer=name)
        self._duplicates = metrics.INBOX_DUPLICATES.labels(consumer=name)
        self._batch_size = metrics.HANDLER_BATCH_SIZE.labels(consumer=name)
        self._duration_s = metrics.HANDLER_DURATION_S.labels(consumer=name)

    async def deliver(self, messages: Sequence[Msg]) -> None:
        """Takes a fetched batch to its outcomes; raises nothing for what a message does.

        Returns within two and a half handler timeouts, before the server takes a message for lost: what has not been
        tried by then is handed back. Raises `Unavailable` when the database is away; the messages come again.
        """
        waiting = deque(read(message, self.event_class) for message in messages)
        try:
            await self._try(waiting)
        except Unavailable as error:
            log.warning("consumer_outage", consumer=self.name, error=str(error))
            await hand_back((delivery.message for delivery in waiting), OUTAGE_DELAY_S)
            if self._database.problem():
                raise

    async def ready(self) -> None:
        """Raises `Unavailable` while the database is away, so that nothing is fetched only to be handed back."""
        if self._database.problem():
            await self._database.check()

    async def replay(self, letter: dead_letters.DeadLetter) -> None:
        """Handles a dead letter again and removes it, in one transaction; raises what the handler raises."""
        event = self.event_class()
        decode(event, letter.payload)
        async with (
            asyncio.timeout(self._handler_timeout_s),
            self._database.unit_of_work(traces={event.event_id: letter.traceparent}) as uow,
        ):
            if await self._claimed(uow, [event.event_id]):
                await self._run([event], uow)
            await dead_letters.discard(uow.raw, self.name, letter.event_id)

    async def _try(self, waiting: deque[Delivery[E]]) -> None:
        """Tries messages together and, where that fails, each alone; what was answered leaves `waiting`."""
        give_up_at = time.monotonic() + 1.5 * self._handler_timeout_s
        together = [delivery for delivery in waiting if not delivery.is_suspect]
        if len(together) > 1 and await self._attempt(together) is None:
            suspects = [delivery for delivery in waiting if delivery.is_suspect]
            waiting.clear()
            waiting.extend(suspects)
        while waiting and time.monotonic() < give_up_at:
            await self._try_alone(waiting[0])
            waiting.popleft()
        await hand_back(delivery.message for delivery in waiting)

    async def _try_alone(self, delivery: Delivery[E]) -> None:
        """Takes one message to its outcome."""
        error: Exception | None = delivery.flaw
        if error is None and delivery.is_suspect:
            error = await self._suspicion(delivery)
        if error is None:
            try:
                error = await self._attempt([delivery])
            except Unavailable:
                await self._clear(delivery)
                raise
        if error is not None:
            await self._retry_or_bury(delivery, error)

    async def _suspicion(self, delivery: Delivery[E]) -> InvalidMessage | None:
        """Writes down that a suspect's try begins; returns what is wrong when too many began and never ended."""
        async with self._database.unit_of_work() as uow:
            begun = await dead_letters.begin_try(uow.raw, self.name, delivery.event_id, now=uow.now)
        crash_count = begun - 1
        if crash_count < CRASHES_MAX:
            return None
        return InvalidMessage(f"the process ended {crash_count} times while handling it")

    async def _clear(self, delivery: Delivery[E]) -> None:
        """Forgets that a suspect's try began: an outage ended it, not the message."""
        if delivery.is_suspect:
            async with self._database.unit_of_work() as uow:
                await dead_letters.end_tries(uow.raw, self.name, [delivery.event_id])

    async def _attempt(self, deliveries: Sequence[Delivery[E]]) -> Exception | None:
        """Handles, commits and acknowledges; returns why all was rolled back, None when it was not.

        Raises `Unavailable` when the database, or what the handler needs, is away.
        """
        try:
            with self._duration_s.time():
                await self._commit(deliveries)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - every fault of a handler has an outcome
            return error
        self._batch_size.observe(len(deliveries))
        self._handled.inc(len(deliveries))
        await acknowledge([delivery.message for delivery in deliveries])
        return None

    async def _commit(self, deliveries: Sequence[Delivery[E]]) -> None:
        """Claims, handles and commits the events that are new; the rest were handled before."""
        traceparents = [delivery.traceparent for delivery in deliveries]
        with telemetry.process_batch(self.name, self.event_type, traceparents) as spans:
            traces = {d.event_id: spans.traceparent_of(i) for i, d in enumerate(deliveries)}
            async with (
                asyncio.timeout(self._handler_timeout_s),
                self._database.unit_of_work(traces=traces) as uow,
            ):
                claimed = await self._claimed(uow, list(traces))
                fresh = [d.event for d in deliveries if _take(claimed, d.event_id)]
                self._duplicates.inc(len(deliveries) - len(fresh))
                if fresh:
                    await self._run(fresh, uow)
                again = [d.event_id for d in deliveries if d.delivery_count > 1]
                if again:
                    await dead_letters.forget_failures(uow.raw, self.name, again)

    async def _claimed(self, uow: UnitOfWork, event_ids: Sequence[str]) -> set[str]:
        """The events that are to be handled."""
        if self._is_convergent:
            return set(event_ids)
        return await inbox.claim(uow.raw, self.name, event_ids)

    async def _run(self, events: Sequence[E], uow: UnitOfWork) -> None:
        """Calls the handler; a cancellation that is the handler's own is a fault like any other."""
        try:
            await self._handle(events, uow)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("the handler was cancelled from within") from error

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
                "message_quarantined", consumer=self.name, event_id=delivery.event_id, error=kind
            )
            await acknowledge([delivery.message])
        else:
            await hand_back([delivery.message], delay_s)

    async def _record(self, delivery: Delivery[E], error: Exception) -> float | None:
        """Writes the failed try down; returns the seconds until the next, None when the message was buried."""
        event_id, text = delivery.event_id, _text_of(error)
        async with self._database.unit_of_work() as uow:
            failure = await dead_letters.record_failure(
                uow.raw, self.name, event_id, error=text, now=uow.now
            )
            await dead_letters.end_tries(uow.raw, self.name, [event_id])
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


def _text_of(error: Exception) -> str:
    """An error's class and text, masked and fit to be stored; a database's detail shows rows and is left out."""
    said = str(error).partition("\nDETAIL:")[0].replace("\x00", "")
    said = said.encode("utf-8", "replace").decode()
    return f"{type(error).__name__}: {mask_text(said)}"[:ERROR_LENGTH_MAX]
