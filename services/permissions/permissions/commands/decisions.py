"""Decisions on record: denied and sensitive ones singly, ordinary ones as counts per subject, action and minute.

Answering never waits for a record, except for what an approval allowed: that is answered once it is committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import structlog
from accesskit.decisions import Outcome
from servicekit import metrics
from servicekit.errors import Unavailable
from servicekit.polling import Poller

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.decisions import MINUTE_S
from permissions.store import decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicekit.database import Database

    from permissions.domain.decisions import Record

log = structlog.get_logger()

BATCH_SIZE = 500
"""Decisions that are committed together."""
WAITING_MAX = 20_000
"""Decisions that wait to be written; beyond them, decisions are only counted."""
COUNTS_MAX = 50_000
"""Subjects and actions that are counted at a time."""
COUNTS_PER_ENTRY = 500
KEPT_WITHIN_S = 2.0
IDLE_S = 1.0

_Counts: TypeAlias = dict[tuple[str, str], list[int]]
"""Allowed, denied and conditional answers by subject and action."""


class Recorder:
    """Writes decisions into the audit log, many in one transaction. A part of a service.

    What cannot be written because the database is away too long is counted; the count is logged, and is recorded once
    the database is back. `clock` gives Unix seconds.
    """

    name = "decision_recorder"

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._waiting: deque[Record] = deque()
        self._urgent: dict[str, tuple[Record, asyncio.Future[None]]] = {}
        self._counts: dict[int, _Counts] = {}
        self._lost = 0
        self._is_uncertain = False
        self._poller = Poller(self.name, self._step, idle_s=IDLE_S)

    async def start(self) -> None:
        """Begins to write."""
        await self._poller.start()

    async def stop(self) -> None:
        """Ends; what waits is written first, and what cannot be is told."""
        await self._poller.stop()
        try:
            while await self._write(up_to_minute=None):
                pass
        except Unavailable:
            self._lose(len(self._waiting))

    def problem(self) -> str | None:
        """Why decisions are not recorded."""
        return "decisions are not recorded" if self._lost else self._poller.problem()

    def count(self, subject_id: str, action: str, outcome: Outcome, *, times: int = 1) -> None:
        """Counts ordinary decisions, written once their minute is over."""
        minute = int(self._clock()) // MINUTE_S
        counted = self._counts.get(minute)
        if counted is None:
            counted = self._counts[minute] = {}
        counts = counted.get((subject_id, action))
        if counts is None:
            if len(counted) >= COUNTS_MAX:
                self._lose(times)
                return
            counts = counted[subject_id, action] = [0, 0, 0]
        counts[_column(outcome)] += times

    def note(self, record: Record) -> None:
        """Has a decision written soon."""
        if len(self._waiting) >= WAITING_MAX:
            self._lose(1)
            return
        self._waiting.append(record)
        self._poller.wake()

    async def keep(self, records: Sequence[Record]) -> None:
        """Returns once the decisions are committed; raises `Unavailable` when they are not within two seconds."""
        loop = asyncio.get_running_loop()
        written = [loop.create_future() for _ in records]
        for record, future in zip(records, written, strict=True):
            self._urgent[record.decision_id] = (record, future)
        self._poller.wake()
        try:
            async with asyncio.timeout(KEPT_WITHIN_S):
                await asyncio.gather(*written)
        except TimeoutError:
            raise Unavailable("the decision cannot be recorded") from None
        finally:
            for record in records:
                self._urgent.pop(record.decision_id, None)

    async def _step(self) -> bool:
        return await self._write(up_to_minute=int(self._clock()) // MINUTE_S)

    async def _write(self, *, up_to_minute: int | None) -> bool:
        """Writes what waits, at most one batch, in one transaction; says whether more may wait."""
        urgent = [record for record, _ in self._urgent.values()][:BATCH_SIZE]
        others = list(islice(self._waiting, BATCH_SIZE - len(urgent)))
        minute, counts = self._due_counts(up_to_minute)
        lost = self._lost
        if not (urgent or others or counts or lost):
            return False
        await self._save([*urgent, *others], _events(minute, counts, lost))
        metrics.DECISIONS_RECORDED.inc(len(urgent) + len(others) + _sum(counts))
        self._forget(len(others), minute, counts)
        self._lost -= lost
        for record in urgent:
            self._tell(record.decision_id)
        return bool(self._urgent or self._waiting or counts)

    def _due_counts(self, up_to_minute: int | None) -> tuple[int, _Counts]:
        """Some of the oldest minute's counts, as they are now, once the minute is over."""
        minute = min(self._counts, default=0)
        if minute not in self._counts or (up_to_minute is not None and minute >= up_to_minute):
            return minute, {}
        some = islice(self._counts[minute].items(), COUNTS_PER_ENTRY)
        return minute, {key: list(counts) for key, counts in some}

    async def _save(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        was_uncertain, self._is_uncertain = self._is_uncertain, True
        async with self._database.unit_of_work() as uow:
            audit_log = await recording.begin(uow)
            if was_uncertain:
                # The last commit may have happened although its answer never came.
                ids = await decisions.known(uow.raw, [record.decision_id for record in records])
                records = [record for record in records if record.decision_id not in ids]
            numbered = [(record, audit_log.append(event_of(record))) for record in records]
            if numbered:
                await decisions.save(uow.raw, numbered)
            for event in events:
                audit_log.append(event)
            await audit_log.finish()
        self._is_uncertain = False

    def _forget(self, others: int, minute: int, written: _Counts) -> None:
        for _ in range(others):
            self._waiting.popleft()
        counted = self._counts.get(minute, {})
        for key, numbers in written.items():
            counted[key] = [now - then for now, then in zip(counted[key], numbers, strict=True)]
            if not any(counted[key]):
                del counted[key]
        if not counted:
            self._counts.pop(minute, None)

    def _lose(self, count: int) -> None:
        if not self._lost and count:
            log.error("decisions_not_recorded")
        metrics.DECISIONS_LOST.inc(count)
        self._lost += count

    def _tell(self, decision_id: str) -> None:
        _, committed = self._urgent.pop(decision_id, (None, None))
        if committed is not None and not committed.done():
            committed.set_result(None)


_ALLOW, _DENY = Outcome.ALLOW, Outcome.DENY


def _column(outcome: Outcome) -> int:
    # By identity: the hash of an enum's member is computed in Python.
    if outcome is _ALLOW:
        return 0
    return 1 if outcome is _DENY else 2


def _sum(counts: _Counts) -> int:
    return sum(sum(numbers) for numbers in counts.values())


def event_of(record: Record) -> Event:
    """A decision as an entry of the log."""
    return Event(
        action="decision_made",
        actor=record.subject_id,
        resource=record.resource,
        details={
            "asked_by": record.asked_by,
            "decision_id": record.decision_id,
            "digest": record.digest,
            "outcome": record.outcome.value,
            "policy_version": record.policy_version,
            "reason": record.reason,
            "revision": record.revision,
            "wanted": record.action,
        },
    )


def _events(minute: int, counts: _Counts, lost: int) -> list[Event]:
    events = []
    if counts:
        rows = [[*key, *numbers] for key, numbers in counts.items()]
        details = {"minute_s": minute * MINUTE_S, "counts": rows}
        events.append(Event(action="decisions_counted", actor="permissions", details=details))
    if lost:
        stated = {"count": lost}
        events.append(Event(action="decisions_not_recorded", actor="permissions", details=stated))
    return events
