"""The bus: the one place that subscribes to JetStream.

The framework's own defaults would throw a failing message away (`REJECT_ON_ERROR`) or try it again at once without
end; here every subscription is a durable pull consumer with explicit acknowledgement that its `Consumer` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.security import SASLPlaintext
from faststream.specification import AsyncAPI
from nats.js.api import AckPolicy as ConsumerAckPolicy
from nats.js.api import ConsumerConfig, DeliverPolicy

from servicekit.consumer import Consumer
from servicekit.errors import NotFound
from servicekit.events import Event, name_of, stream_of, subject_filter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from faststream.nats.message import NatsBatchMessage
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from servicekit.database import Database, UnitOfWork
    from servicekit.dead_letters import DeadLetter

log = structlog.get_logger()

ACK_WAIT_S = 30.0
ACK_PENDING_MAX = 20_000
GRACEFUL_TIMEOUT_S = 15.0
FETCH_WAIT_S = 0.05
"""How long a fetch waits to fill a batch: the most that a lone message waits at each hop."""

E = TypeVar("E", bound=Event)


class Bus:
    """A service's view of the bus.

    As a part of a service it is the connection; `reading` is a part of its own that starts later and stops earlier.
    `service` names the durables and the inbox prefix to which the service's NATS user is confined.
    """

    name = "bus"

    def __init__(
        self, url: str, *, database: Database, user: str | None = None, password: str | None = None
    ) -> None:
        self._database = database
        self._service = database.service
        self._inbox_prefix = f"_INBOX_{self._service}"
        self._client: Client | None = None
        self.consumers: dict[str, Consumer[Event]] = {}
        self._broker = NatsBroker(
            url,
            name=self._service,
            security=SASLPlaintext(user, password or "") if user else None,
            inbox_prefix=self._inbox_prefix,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            apply_types=False,
            logger=None,
            graceful_timeout=GRACEFUL_TIMEOUT_S,
            error_cb=_log_error,
        )
        self.reading = Reading(self._broker)

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
        batch_size_max: int = 250,
        delays_s: tuple[float, ...] | None = None,
    ) -> Callable[[Callable[[Sequence[E], UnitOfWork], Awaitable[None]]], None]:
        """Registers a handler that gets the events of a batch together, for work that one statement does for all.

        When it fails, it is called again with each event alone. `delays_s` replaces the retry schedule.
        """

        def register(handle: Callable[[Sequence[E], UnitOfWork], Awaitable[None]]) -> None:
            event_type = event_class.DESCRIPTOR.full_name
            name = f"{self._service}-{name_of(event_type)}"
            options = {} if delays_s is None else {"delays_s": delays_s}
            consumer = Consumer(name, event_class, handle, self._database, **options)
            self.consumers[name] = consumer  # type: ignore[assignment]  # E is erased at run time
            self._subscribe(name, event_type, consumer.deliver, batch_size_max)

        return register

    def client(self) -> Client:
        """The NATS client; raises `ConnectionError` before the bus has started."""
        if self._client is None:
            raise ConnectionError("the bus has not been started")
        return self._client

    async def start(self) -> None:
        """Connects; waits for a server that is not up yet."""
        self._client = await self._broker.connect()

    async def stop(self) -> None:
        """Disconnects."""
        await self._broker.stop()
        self._client = None

    def problem(self) -> str | None:
        """Why the bus is not ready."""
        return None if self._client is not None and self._client.is_connected else "disconnected"

    async def replay(self, letter: DeadLetter) -> None:
        """Handles a dead letter again; raises `NotFound` when this service no longer reads such events."""
        consumer = self.consumers.get(letter.consumer)
        if consumer is None:
            raise NotFound(f"no consumer {letter.consumer}")
        await consumer.replay(letter)

    def asyncapi(self) -> str:
        """The AsyncAPI 3.0 document of what the service reads, as JSON."""
        return str(AsyncAPI(self._broker, title=self._service).to_specification().to_json())

    def _subscribe(
        self,
        name: str,
        event_type: str,
        deliver: Callable[[Sequence[Msg]], Awaitable[None]],
        batch_size_max: int,
    ) -> None:
        subscriber = self._broker.subscriber(
            subject_filter(event_type),
            durable=name,
            stream=JStream(stream_of(event_type), declare=False),
            pull_sub=PullSub(batch_size=batch_size_max, timeout=FETCH_WAIT_S, batch=True),
            config=ConsumerConfig(
                ack_policy=ConsumerAckPolicy.EXPLICIT,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=ACK_WAIT_S,
                max_ack_pending=ACK_PENDING_MAX,
                max_deliver=-1,
            ),
            ack_policy=AckPolicy.MANUAL,
            decoder=_raw_messages,
            inbox_prefix=self._inbox_prefix.encode() + b".",
            title=name,
        )
        subscriber(deliver)


class Reading:
    """The part of a service that reads: `start` creates the missing durables and begins to fetch."""

    name = "bus reading"

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker
        self._running = False

    async def start(self) -> None:
        """Begins to read; raises `nats.js.errors.NotFoundError` when a stream does not exist."""
        await self._broker.start()
        self._running = True

    async def stop(self) -> None:
        """Fetches no more and lets the running batches end."""
        self._running = False
        for subscriber in self._broker.subscribers:
            await subscriber.stop()

    def problem(self) -> str | None:
        """Why nothing is read."""
        return None if self._running else "not reading"


async def _raw_messages(batch: NatsBatchMessage) -> list[Msg]:
    """Hands the fetched messages on untouched: the consumer decodes, and decides what to do when it cannot."""
    return batch.raw_message


async def _log_error(error: Exception) -> None:
    log.warning("nats_error", error=type(error).__name__)
