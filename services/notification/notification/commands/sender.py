"""The sender: takes due reminders, posts them bundled by recipient, and writes down the answers.

No transaction is open while a recipient's system is waited for. A process that dies between an answer and its commit
leaves a lease behind; when that is over the same bundle is sent again under the same webhook id and reminder ids.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from opentelemetry.trace import SpanKind
from servicekit.polling import Poller
from servicekit.telemetry import Span, TraceContext, internal_span

from notification import store, wire
from notification.commands.reminders import record_answers
from notification.domain import RETRY_DELAYS_S, NotTaken, Nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from servicekit.database import Database

    from notification.clients import WebhookClient
    from notification.commands.recipients import RecipientBook
    from notification.domain import Answer, Bundle, Reminder

LANES = 32
"""Webhooks under way at the same time, at most one for a recipient."""

log = structlog.get_logger()

LEASE_S = 30.0
"""How long a bundle is ours; ten times the deadline of a try."""

IDLE_S = 0.02
STOP_TIMEOUT_S = 10.0


class Sender:
    """Sends reminders for as long as the service lives. A part of a service.

    A recipient gets a webhook at most every `pace_s` seconds, so that a burst for one person is one message. The
    seconds between tries are the schedule's times `delay_scale`.
    """

    name = "sender"

    def __init__(
        self,
        database: Database,
        recipients: RecipientBook,
        client: WebhookClient,
        *,
        clock: Callable[[], datetime],
        pace_s: float,
        delay_scale: float = 1.0,
    ) -> None:
        self._database = database
        self._recipients = recipients
        self._client = client
        self._clock = clock
        self._pace_s = pace_s
        self._delays_s = [delay_s * delay_scale for delay_s in RETRY_DELAYS_S]
        self._queue: asyncio.Queue[Bundle | None] = asyncio.Queue()
        self._answers: list[tuple[Bundle, Answer]] = []
        self._busy_until_s: dict[str, float] = {}
        self._free_at_s: dict[str, float] = {}
        self._taking = Poller("reminder lease", self._take, idle_s=IDLE_S)
        self._recording = Poller("reminder record", self._record, idle_s=IDLE_S)
        self._lanes: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learns the recipients and begins to send."""
        await self._recipients.refresh()
        await self._client.start()
        self._lanes = asyncio.get_running_loop().create_task(self._run_lanes(), name=self.name)
        await self._recording.start()
        await self._taking.start()

    async def stop(self) -> None:
        """Takes no more, lets what is under way end, and writes its answers down."""
        await self._taking.stop()
        if self._lanes is not None:
            for _ in range(LANES):
                self._queue.put_nowait(None)
            await asyncio.wait([self._lanes], timeout=STOP_TIMEOUT_S)
            self._lanes.cancel()
            await asyncio.gather(self._lanes, return_exceptions=True)
            self._lanes = None
        await self._recording.stop()
        await self._record()
        await self._client.stop()

    def problem(self) -> str | None:
        """Why reminders are not sent."""
        if self._lanes is None or self._lanes.done():
            return "not sending"
        return self._taking.problem() or self._recording.problem()

    def wake(self) -> None:
        """Looks for due reminders at once."""
        self._taking.wake()

    async def _take(self) -> bool:
        """Leases due bundles into free lanes; true when there were more than lanes."""
        now_s = time.monotonic()
        busy = {key: until for key, until in self._busy_until_s.items() if until > now_s}
        self._busy_until_s = busy
        free = LANES - sum(1 for until in busy.values() if until == math.inf)
        if free <= 0:
            return False
        async with self._database.raw() as raw:
            bundles = await store.lease(
                raw, except_for=list(busy), lease_s=LEASE_S, limit=max(1, free // 2)
            )
        if any(self._recipients.get(bundle.recipient_id) is None for bundle in bundles):
            await self._recipients.refresh()
        for bundle in bundles:
            self._busy_until_s[bundle.recipient_id] = math.inf
            self._free_at_s[bundle.recipient_id] = now_s + self._pace_s
            self._queue.put_nowait(bundle)
        return len(bundles) >= free // 2 > 0

    async def _run_lanes(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for number in range(LANES):
                lanes.create_task(self._lane(), name=f"{self.name} lane {number}")

    async def _lane(self) -> None:
        while (bundle := await self._queue.get()) is not None:
            try:
                self._answers.append(await self._send(bundle))
            except Exception:
                # A bundle that breaks the sending costs only itself: it comes again when its lease is over.
                log.exception("bundle_not_sent", recipient_id=bundle.recipient_id)
                self._busy_until_s[bundle.recipient_id] = time.monotonic() + LEASE_S

    async def _send(self, bundle: Bundle) -> tuple[Bundle, Answer]:
        recipient = self._recipients.get(bundle.recipient_id)
        if recipient is None:
            return bundle, Nowhere(self._clock())
        body = wire.body(bundle.reminders)
        with ExitStack() as spans:
            traced = [_in_its_trace(reminder, spans) for reminder in bundle.reminders]
            links = _sampled(traced)
            if len(links) > 1:
                spans.enter_context(_batch_span(links))
            answer = await self._client.post(recipient, bundle.webhook_id, body)
        return replace(bundle, reminders=traced), answer

    async def _record(self) -> bool:
        """Writes the answers that came since the last time, in one transaction."""
        answers, count = self._answers, len(self._answers)
        if not count:
            return False
        async with self._database.unit_of_work() as uow:
            await record_answers(uow, answers[:count], delays_s=self._delays_s)
        if any(isinstance(answer, NotTaken) and answer.gone for _, answer in answers[:count]):
            await self._recipients.refresh()
        for bundle, _ in answers[:count]:
            self._busy_until_s[bundle.recipient_id] = self._free_at_s.pop(bundle.recipient_id, 0.0)
        del answers[:count]
        return False


def _in_its_trace(reminder: Reminder, spans: ExitStack) -> Reminder:
    """The reminder with the context of its own send span, for what its delivery causes."""
    context = TraceContext.parse(reminder.traceparent)
    if context is None or not context.sampled:
        return reminder
    span = spans.enter_context(
        internal_span("send reminder", reminder.traceparent, lead__id=str(reminder.lead_id))
    )
    return replace(reminder, traceparent=span.traceparent)


def _sampled(reminders: Sequence[Reminder]) -> list[tuple[str, str]]:
    contexts = [TraceContext.parse(reminder.traceparent) for reminder in reminders]
    return [(c.trace_id, c.span_id) for c in contexts if c is not None and c.sampled]


def _batch_span(links: list[tuple[str, str]]) -> Span:
    """The span of one webhook about several leads: in a trace of its own that links theirs."""
    return Span("send reminders batch", SpanKind.INTERNAL, parent=None, attributes={}, links=links)
