"""Having recordings written down: queued as they are told of, tried until it is done or given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicekit import metrics

from engagement.domain.recordings import (
    NOT_ALLOWED,
    QUEUE_FULL,
    Heard,
    Later,
    is_allowed,
    next_step,
    transcript_of,
)
from engagement.store import contacts as contact_store
from engagement.store import opportunities as opportunity_store
from engagement.store import recordings as store
from engagement.wire import recordings as wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from uuid import UUID

    from servicekit.database import Database, UnitOfWork

    from engagement.clients.speech import Recogniser
    from engagement.domain.behaviours import Transcript
    from engagement.domain.recordings import Leased, Outcome, Recording
    from engagement.seals import Seals

    Hear = Callable[[UnitOfWork, Sequence[Transcript]], Awaitable[None]]


CALLS_AT_ONCE = 8
"""Recordings that one process has written down at a time."""


class Recordings:
    """The queue of recordings; `hosts` are those from which they may be fetched, None where nobody writes them down."""

    def __init__(self, seals: Seals, hosts: Collection[str] | None) -> None:
        self._seals = seals
        self._hosts = hosts

    @property
    def is_on(self) -> bool:
        """Whether anybody writes recordings down."""
        return self._hosts is not None

    async def take(self, uow: UnitOfWork, told: Sequence[Recording]) -> None:
        """Queues recordings that are told of, each once; one that may not be fetched, or finds no room, is told of."""
        if not told:
            return
        room = store.WAITING_MAX - await store.waiting_count(uow.raw)
        for each in told:
            fault = "" if is_allowed(each.url, self._hosts or ()) else NOT_ALLOWED
            if not fault and room <= 0:
                fault = QUEUE_FULL
            if not await store.add(uow.raw, each, self._seals, now=uow.now, fault=fault):
                continue
            room -= not fault
            if fault:
                await tell_failed(uow, each.contact_id, fault, attempt_count=0)

    async def drop(self, uow: UnitOfWork, contact_ids: Sequence[UUID]) -> None:
        """Drops recordings of which it is known by now what was said."""
        await store.told(uow.raw, contact_ids)

    async def retry(self, uow: UnitOfWork, contact_ids: Sequence[UUID]) -> int:
        """Tries failed recordings again, all of them when none is named; returns how many.

        Those that may not be fetched stay as they are.
        """
        queued = await store.retry(uow.raw, contact_ids, self._seals, now=uow.now)
        hosts = self._hosts or ()
        refused = [each.contact_id for each in queued if not is_allowed(each.url, hosts)]
        await store.refuse(uow.raw, refused, NOT_ALLOWED, now=uow.now)
        return len(queued) - len(refused)


class Transcriber:
    """Has recordings written down, a few at a time; no transaction is open meanwhile."""

    def __init__(
        self, database: Database, seals: Seals, recogniser: Recogniser, hear: Hear
    ) -> None:
        self._database = database
        self._seals = seals
        self._recogniser = recogniser
        self._hear = hear

    async def step(self) -> bool:
        """Tries the recordings that are due; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            due = await store.lease(uow.raw, self._seals, now=uow.now, limit=CALLS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for leased in due:
                group.create_task(self._try(leased))
        return len(due) == CALLS_AT_ONCE

    async def _try(self, leased: Leased) -> None:
        outcome = await self._recogniser.listen(leased.recording)
        async with self._database.unit_of_work() as uow:
            is_given_up = await settle(uow, leased, outcome, self._hear)
        if is_given_up:
            metrics.RECORDINGS_GIVEN_UP.inc()


async def settle(uow: UnitOfWork, leased: Leased, outcome: Outcome, hear: Hear) -> bool:
    """Keeps what was said, as if it had arrived as text, or tries again, or gives up, says so and returns True."""
    if isinstance(outcome, Heard):
        if await store.heard(uow.raw, leased) and outcome.lines:
            await hear(uow, [transcript_of(leased, outcome)])
        return False
    step = next_step(leased, outcome, now=uow.now)
    if isinstance(step, Later):
        await store.later(uow.raw, leased, step)
        return False
    contact_id, tries = leased.recording.contact_id, leased.attempt_count
    is_given_up = await store.fail(uow.raw, leased, step.reason, now=uow.now)
    if is_given_up:
        await tell_failed(uow, contact_id, step.reason, attempt_count=tries)
    return is_given_up


async def tell_failed(
    uow: UnitOfWork, contact_id: UUID, reason: str, *, attempt_count: int
) -> None:
    """States that a recording is not written down."""
    contact = (await contact_store.get(uow.raw, [contact_id])).get(contact_id)
    golden_id = contact.golden_id if contact else ""
    opportunity = await opportunity_store.newest_open(uow.raw, golden_id) if golden_id else None
    event = wire.transcription_failed(contact_id, golden_id, opportunity, reason)
    event.attempt_count = attempt_count
    uow.publish(event, key=str(contact_id))
