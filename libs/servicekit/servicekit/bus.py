"""The bus: the one place that subscribes to JetStream.

Every subscription is a durable pull consumer with explicit acknowledgement, which its `Consumer` gives. The framework
gives the connection, the lifespan and the AsyncAPI document; it does not fetch (docs/adr/0011).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.security import SASLPlaintext
from faststream.specification import AsyncAPI
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy as ConsumerAckPolicy
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import ServiceUnavailableError

from servicekit.consumer import Consumer
from servicekit.errors import NotFound
from servicekit.events import Event, name_of, new_id, stream_of, subject_filter
from servicekit.message_headers import read_headers_plainly
from servicekit.polling import Poller
from servicekit.pull import Pull, PullRefused
from servicekit.retry_schedule import DELAYS_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nats.aio.client import Client

    from servicekit.database import Database, UnitOfWork
    from servicekit.dead_letters import DeadLetter

log = structlog.get_logger()

ACK_WAIT_S = 30.0
ACK_PENDING_MAX = 20_000
BATCH_SIZE_MAX = 400
DECLARE_TIMEOUT_S = 3.0
DECLARE_AGAIN_S = 0.5
"""How long the server may take to create a durable, and how long after that it is asked again: its disk may be busy."""

STOP_TIMEOUT_S = 15.0
"""How long a running batch may go on when the service ends; it comes again if it was not done."""

OPENED_AT_ONCE = 8
"""Durables created at the same time: each waits for the server's disk, which writes several of them together."""

E = TypeVar("E", bound=Event)


class Bus:
    """A service's view of the bus.

    As a part of a service it is the connection; `reading` is a part of its own that starts later and stops earlier.
    `service` names the durables and the inbox prefix to which the service's NATS user is confined. `ack_wait_s` is how
    long the server waits for the answer to a message; a transaction may take a third of it.
    """

    name = "bus"

    def __init__(
        self,
        url: str,
        *,
        database: Database,
        user: str | None = None,
        password: str | None = None,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._database = database
        self._ack_wait_s = ack_wait_s
        self._service = database.service
        self._inbox_prefix = f"_INBOX_{self._service}"
        self._client: Client | None = None
        self.consumers: dict[str, Consumer[Event]] = {}
        self._batch_sizes: dict[str, int] = {}
        self.reading = Reading(self)
        self._broker = NatsBroker(
            url,
            name=self._service,
            security=SASLPlaintext(user, password or "") if user else None,
            inbox_prefix=self._inbox_prefix,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            apply_types=False,
            logger=None,
            error_cb=_log_error,
            reconnected_cb=self.reading.ask_again,
        )

    def on(
        self, event_class: type[E]
    ) -> Callable[[Callable[[E, UnitOfWork], Awaitable[None]]], None]:
        """Registers a handler that gets one event at a time; events of one batch share a transaction."""

        def register(handle: Callable[[E, UnitOfWork], Awaitable[None]]) -> None:
            async def handle_each(events: Sequence[E], uow: UnitOfWork) -> None:
                for event in events:
                    await handle(event, uow)

            self.on_batch(event_class)(handle_each)

        return register

    def on_batch(
        self,
        event_class: type[E],
        *,
        batch_size_max: int = BATCH_SIZE_MAX,
        delays_s: tuple[float, ...] | None = None,
        is_convergent: bool = False,
    ) -> Callable[[Callable[[Sequence[E], UnitOfWork], Awaitable[None]]], None]:
        """Registers a handler that gets the events of a batch together, for work that one statement does for all.

        When it fails, it is called again with each event alone. `delays_s` replaces the retry schedule. A handler that
        `is_convergent` may see an event more than once, for which it saves the inbox's row.
        """

        def register(handle: Callable[[Sequence[E], UnitOfWork], Awaitable[None]]) -> None:
            event_type = event_class.DESCRIPTOR.full_name
            name = f"{self._service}-{name_of(event_type)}"
            consumer = Consumer(
                name,
                event_class,
                handle,
                self._database,
                delays_s=DELAYS_S if delays_s is None else delays_s,
                handler_timeout_s=self._ack_wait_s / 3,
                is_convergent=is_convergent,
            )
            self.consumers[name] = consumer  # type: ignore[assignment]  # E is erased at run time
            self._batch_sizes[name] = batch_size_max
            self._document(name, event_type)

        return register

    def client(self) -> Client:
        """The NATS client; raises `ConnectionError` before the bus has started."""
        if self._client is None:
            raise ConnectionError("the bus has not been started")
        return self._client

    async def start(self) -> None:
        """Connects; waits for a server that is not up yet."""
        self._client = await self._broker.connect()
        read_headers_plainly(self._client)

    async def stop(self) -> None:
        """Disconnects."""
        await self._broker.stop()
        self._client = None

    def problem(self) -> str | None:
        """Why the bus is not ready.

        A service that reads nothing serves without it: what it states waits in its outbox.
        """
        is_connected = self._client is not None and self._client.is_connected
        return None if is_connected or not self.consumers else "disconnected"

    async def replay(self, letter: DeadLetter) -> None:
        """Handles a dead letter again; raises `NotFound` when this service no longer reads such events."""
        consumer = self.consumers.get(letter.consumer)
        if consumer is None:
            raise NotFound(f"no consumer {letter.consumer}")
        await consumer.replay(letter)

    def asyncapi(self) -> str:
        """The AsyncAPI 3.0 document of what the service reads, as JSON."""
        return str(AsyncAPI(self._broker, title=self._service).to_specification().to_json())

    async def open(self, consumer: Consumer[Event]) -> Pull:
        """Creates or changes a consumer's durable, as soon as the server is able to, and begins to listen.

        Raises `nats.js.errors.NotFoundError` when the stream does not exist.
        """
        while not await self._has_declared(consumer):
            log.warning("nats_not_answering", consumer=consumer.name)
            await asyncio.sleep(DECLARE_AGAIN_S)
        pull = Pull(
            self.client(),
            stream_of(consumer.event_type),
            consumer.name,
            inbox=f"{self._inbox_prefix}.{consumer.name}.{new_id()}",
            batch_size_max=self._batch_sizes[consumer.name],
            ack_wait_s=self._ack_wait_s,
        )
        await pull.open()
        return pull

    async def declare(self, consumer: Consumer[Event]) -> None:
        """Creates or changes a consumer's durable; a new one begins with the oldest event of the stream.

        Raises `nats.js.errors.NotFoundError` when the stream does not exist.
        """
        jetstream = self.client().jetstream(timeout=DECLARE_TIMEOUT_S)
        await jetstream.add_consumer(
            stream_of(consumer.event_type),
            ConsumerConfig(
                name=consumer.name,
                durable_name=consumer.name,
                filter_subject=subject_filter(consumer.event_type),
                ack_policy=ConsumerAckPolicy.EXPLICIT,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=self._ack_wait_s,
                max_ack_pending=ACK_PENDING_MAX,
                max_deliver=-1,
            ),
        )

    async def _has_declared(self, consumer: Consumer[Event]) -> bool:
        """Declares a consumer; says no when the server gave no answer, or is starting itself."""
        try:
            await self.declare(consumer)
        except (NatsTimeoutError, ServiceUnavailableError):
            return False
        return True

    def _document(self, name: str, event_type: str) -> None:
        """Puts a subscription into the AsyncAPI document; this broker's subscribers are never started."""
        subscriber = self._broker.subscriber(
            subject_filter(event_type),
            durable=name,
            stream=JStream(stream_of(event_type), declare=False),
            pull_sub=PullSub(batch=True),
            ack_policy=AckPolicy.MANUAL,
            title=name,
        )
        subscriber(_never_called)


class Reading:
    """The part of a service that reads: one loop per consumer."""

    name = "bus reading"

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._loops: list[tuple[Pull, Poller]] = []

    async def start(self) -> None:
        """Creates the durables, a few at the same time, and begins to fetch.

        Raises `NotFoundError` when a stream does not exist.
        """
        turns = asyncio.Semaphore(OPENED_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                for consumer in self._bus.consumers.values():
                    group.create_task(self._begin(consumer, turns))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _begin(self, consumer: Consumer[Event], turns: asyncio.Semaphore) -> None:
        async with turns:
            pull = await self._bus.open(consumer)
        poller = Poller(
            consumer.name, _step(self._bus, pull, consumer), stop_timeout_s=STOP_TIMEOUT_S
        )
        self._loops.append((pull, poller))
        await poller.start()

    async def stop(self) -> None:
        """Fetches no more and lets the running batches end, all at the same time."""
        async with asyncio.TaskGroup() as group:
            for pull, poller in self._loops:
                group.create_task(poller.stop())
                group.create_task(pull.close())
        self._loops.clear()

    def problem(self) -> str | None:
        """Why something is not read."""
        if not self._loops and self._bus.consumers:
            return "not reading"
        return next((problem for _, poller in self._loops if (problem := poller.problem())), None)

    async def ask_again(self) -> None:
        """Renews the standing requests, which a lost connection has taken away."""
        for pull, _ in self._loops:
            pull.ask_again()


def _step(bus: Bus, pull: Pull, consumer: Consumer[Event]) -> Callable[[], Awaitable[bool]]:
    async def step() -> bool:
        await consumer.ready()
        if pull.is_refused:
            await _renew(bus, pull, consumer)
        batch = await pull.next_batch()
        if batch:
            await consumer.deliver(batch)
        return True

    return step


async def _renew(bus: Bus, pull: Pull, consumer: Consumer[Event]) -> None:
    """Creates the durable anew; what was handled before comes again and is known to the inbox."""
    try:
        await bus.declare(consumer)
    except NatsError as error:
        raise PullRefused(f"{consumer.name} cannot be created") from error
    pull.ask_again()


async def _never_called(message: object) -> None:
    """Stands for the consumer in the AsyncAPI document."""


async def _log_error(error: Exception) -> None:
    log.warning("nats_error", error=type(error).__name__)
