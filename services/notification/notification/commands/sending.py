"""The sender: takes queued messages, sends them bundled by recipient and medium, and writes down the answers.

No transaction is open while a provider is waited for. A process that dies between an answer and its commit leaves a
lease behind; when that is over the same bundle is sent again under the same id.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from opentelemetry.trace import SpanKind
from servicekit.polling import Poller
from servicekit.telemetry import Span, TraceContext, internal_span

from notification.commands.recording import record_answers
from notification.domain.addresses import limit_per_min
from notification.domain.attention import Attention
from notification.domain.media import NEEDS_ACCOUNT
from notification.domain.sending import RETRY_DELAYS_S, Nowhere, Rejected
from notification.senders.envelopes import Envelope
from notification.store import rates, sends
from notification.store.sends import BUNDLES_OF_A_LANE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from servicekit.database import Database

    from notification.commands.books import AddressBook
    from notification.domain.addresses import Address
    from notification.domain.kinds import Policy
    from notification.domain.media import Medium
    from notification.domain.sending import Answer, Bundle, Parcel
    from notification.senders.calls import Calls
    from notification.senders.envelopes import Sender as MediumSender
    from notification.senders.words import Words

LANES = 32
"""Messages under way at the same time."""

AHEAD = 4 * LANES
"""Bundles held at the same time, those that wait for a lane included: one lease for many is cheaper than many."""

LEASE_S = 60.0
"""How long a bundle is ours: longer than it waits for a lane and for a provider that answers nobody."""

IDLE_S = 0.02
ALERT_S = 2.0
"""How long each step looks after something was queued or answered."""
REST_S = 0.1
"""How late a message may be seen that is to be tried again, or that another replica left behind."""

STOP_TIMEOUT_S = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outfit:
    """What sending needs: how each medium is written to, the words, and the rules."""

    media: Mapping[Medium, MediumSender]
    words: Words
    policy: Policy
    calls: Calls


class Sender:
    """Sends reminders for as long as the service lives. A part of a service.

    A recipient gets a message of a medium at most every `pace_s` seconds, so that a burst for one person is one
    message. The seconds between tries are the schedule's times `delay_scale`.
    """

    name = "sender"

    def __init__(
        self,
        database: Database,
        book: AddressBook,
        outfit: Outfit,
        *,
        clock: Callable[[], datetime],
        pace_s: float,
        delay_scale: float = 1.0,
    ) -> None:
        self._database = database
        self._book = book
        self._outfit = outfit
        self._clock = clock
        self._pace_s = pace_s
        self._delays_s = [delay_s * delay_scale for delay_s in RETRY_DELAYS_S]
        self._queue: asyncio.Queue[Bundle | None] = asyncio.Queue(maxsize=AHEAD + LANES)
        self._answers: list[tuple[Bundle, Answer]] = []
        self._held = 0
        self._busy_until_s: dict[str, float] = {}
        self._free_at_s: dict[str, float] = {}
        self._attention = Attention(alert_s=ALERT_S, rest_s=REST_S)
        self._taking = Poller("reminder lease", self._take, idle_s=IDLE_S)
        self._recording = Poller("reminder record", self._record, idle_s=IDLE_S)
        self._lanes: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learns whom it may reach and begins to send."""
        await self._book.refresh()
        await self._outfit.calls.start()
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
        await self._outfit.calls.stop()

    def problem(self) -> str | None:
        """Why reminders are not sent."""
        if self._lanes is None or self._lanes.done():
            return "not sending"
        return self._taking.problem() or self._recording.problem()

    def rouse(self) -> None:
        """Messages are queued, or will be in a moment."""
        self._attention.rouse(now_s=time.monotonic())

    def wake(self) -> None:
        """Looks for queued messages at once."""
        self.rouse()
        self._taking.wake()

    async def _take(self) -> bool:
        """Leases due bundles, as many as may be held, when it is time to look; true when there were more."""
        now_s = time.monotonic()
        if not self._attention.is_due(now_s=now_s):
            return False
        busy = {key: until for key, until in self._busy_until_s.items() if until > now_s}
        self._busy_until_s = busy
        limit = (AHEAD - self._held) // (BUNDLES_OF_A_LANE + 1)
        if limit <= 0:
            return False
        async with self._database.raw() as raw:
            bundles = await sends.lease(raw, except_for=list(busy), lease_s=LEASE_S, limit=limit)
        for bundle in await self._within_rates(bundles):
            self._busy_until_s[bundle.lane] = math.inf
            self._free_at_s[bundle.lane] = now_s + self._pace_s
            self._queue.put_nowait(bundle)
            self._held += 1
        return len(bundles) >= limit

    async def _within_rates(self, bundles: Sequence[Bundle]) -> list[Bundle]:
        """Those that their providers let us send now; the others are put off until they do."""
        limits = {bundle.bundle_id: self._limit(bundle) for bundle in bundles}
        if not any(per_min for _, per_min in limits.values()):
            return list(bundles)
        granted: list[Bundle] = []
        late: list[tuple[Bundle, float]] = []
        async with self._database.unit_of_work() as uow:
            for bundle in bundles:
                bucket, per_min = limits[bundle.bundle_id]
                waits = await rates.take(
                    uow.raw, [(bucket, per_min)] if per_min else [], now=uow.now
                )
                wait_s = waits.get(bucket, 0.0)
                if wait_s:
                    late.append((bundle, wait_s))
                else:
                    granted.append(bundle)
            put_off = [(b.bundle_id, uow.now + timedelta(seconds=wait_s)) for b, wait_s in late]
            await sends.postpone(uow.raw, put_off)
        for bundle, wait_s in late:
            self._busy_until_s[bundle.lane] = time.monotonic() + wait_s
        return granted

    def _limit(self, bundle: Bundle) -> tuple[str, int]:
        """The bucket of a bundle and how much a minute it allows; 0 for no limit."""
        address = self._address(bundle)
        if address is None:
            return "", 0
        account = self._book.account(address.account_id) if address.account_id else None
        bucket = f"account:{address.account_id}" if account else bundle.lane
        return bucket, limit_per_min(address, account)

    def _address(self, bundle: Bundle) -> Address | None:
        person = self._book.person(bundle.recipient_id)
        fitting = (a for a in (person.addresses if person else ()) if a.medium is bundle.medium)
        return next((a for a in fitting if a.device is bundle.device), None)

    async def _run_lanes(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for number in range(LANES):
                lanes.create_task(self._lane(), name=f"{self.name} lane {number}")

    async def _lane(self) -> None:
        while (bundle := await self._queue.get()) is not None:
            self._held -= 1
            try:
                self._answers.append(await self._send(bundle))
                # The lease keeps what was just sent; what came up meanwhile may follow before it is written down.
                self._busy_until_s[bundle.lane] = self._free_at_s.pop(bundle.lane, 0.0)
                self._recording.wake()
                self.rouse()
            except Exception:
                # A bundle that breaks the sending costs only itself: it comes again when its lease is over.
                log.exception("bundle_not_sent", medium=bundle.medium.value)
                self._busy_until_s[bundle.lane] = time.monotonic() + LEASE_S

    async def _send(self, bundle: Bundle) -> tuple[Bundle, Answer]:
        wanted = [parcel for parcel in bundle.parcels if not parcel.is_moot]
        person, address = self._book.person(bundle.recipient_id), self._address(bundle)
        if not wanted or person is None or address is None:
            return bundle, Nowhere(self._clock())
        account = self._book.account(address.account_id) if address.account_id else None
        if bundle.medium in NEEDS_ACCOUNT and account is None:
            return bundle, Rejected(self._clock(), "no account", retryable=False)
        with ExitStack() as spans:
            traced = [_in_its_trace(parcel, spans) for parcel in wanted]
            links = _sampled(traced)
            if len(links) > 1:
                spans.enter_context(_batch_span(links))
            envelope = Envelope(
                replace(bundle, parcels=traced),
                person,
                address,
                account,
                self._outfit.policy,
                self._outfit.words,
            )
            answer = await self._outfit.media[bundle.medium].send(envelope)
        moot = [parcel for parcel in bundle.parcels if parcel.is_moot]
        return replace(bundle, parcels=[*traced, *moot]), answer

    async def _record(self) -> bool:
        """Writes the answers that came since the last time, in one transaction."""
        answers, count = self._answers, len(self._answers)
        if not count:
            return False
        async with self._database.unit_of_work() as uow:
            await record_answers(
                uow, answers[:count], policy=self._outfit.policy, delays_s=self._delays_s
            )
        if any(isinstance(answer, Rejected) and answer.is_gone for _, answer in answers[:count]):
            await self._book.refresh()
        del answers[:count]
        return False


def _in_its_trace(parcel: Parcel, spans: ExitStack) -> Parcel:
    """The parcel with the context of its own send span, for what its delivery causes."""
    traceparent = parcel.subject.traceparent
    context = TraceContext.parse(traceparent)
    if context is None or not context.sampled:
        return parcel
    lead_id = str(parcel.subject.lead_id or "")
    span = spans.enter_context(internal_span("send reminder", traceparent, lead__id=lead_id))
    return replace(parcel, subject=replace(parcel.subject, traceparent=span.traceparent))


def _sampled(parcels: Sequence[Parcel]) -> list[tuple[str, str]]:
    contexts = [TraceContext.parse(parcel.subject.traceparent) for parcel in parcels]
    return [(c.trace_id, c.span_id) for c in contexts if c is not None and c.sampled]


def _batch_span(links: list[tuple[str, str]]) -> Span:
    """The span of one message about several leads: in a trace of its own that links theirs."""
    return Span("send reminders batch", SpanKind.INTERNAL, parent=None, attributes={}, links=links)
