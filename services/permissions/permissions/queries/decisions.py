"""What permissions can be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.polling import Poller

from permissions import store
from permissions.domain import (
    CHECKS_MAX,
    GENESIS_HASH,
    AuditHead,
    TooManyChecks,
    decide,
    first_misfit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database

    from permissions.domain import AuditEntry, Decision, LeadId, Ownership, Question

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
VERIFIED_PAGE_SIZE = 1000
GATHERING_TURNS = 16
"""Turns of the event loop for which single checks gather when the last ones did not come alone."""
IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the audit log is whole: entries that fit, and the number of the first that does not (0 when all do)."""

    entry_count: int
    first_bad_seq: int


class Checks:
    """Answers single checks, with one statement for all that are asked at about the same time. A part of a service."""

    name = "checks"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[_Asked] = []
        self._crowded = False
        self._poller = Poller(self.name, self._answer_all, idle_s=IDLE_S)

    async def start(self) -> None:
        """Begins to answer."""
        await self._poller.start()

    async def stop(self) -> None:
        """Ends; nobody may be waiting for an answer any more."""
        await self._poller.stop()

    def problem(self) -> str | None:
        """None: whether the database answers is the database's own readiness."""
        return None

    async def check(self, question: Question) -> Decision:
        """Whether a subject may do something to a lead; read after the question was asked."""
        asked = _Asked(question.lead_id, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        self._poller.wake()
        return decide(question, await asked.ownership)

    async def _answer_all(self) -> bool:
        """Answers everybody who waits; says whether more came meanwhile."""
        if self._crowded:
            await self._gather()
        asked, self._asked = self._asked, []
        self._crowded = len(asked) > 1
        if asked:
            await self._answer(asked)
        return bool(self._asked)

    async def _gather(self) -> None:
        """Lets calls that have already arrived ask too; takes longer the busier the process is."""
        for _ in range(GATHERING_TURNS):
            await asyncio.sleep(0)

    async def _answer(self, asked: Sequence[_Asked]) -> None:
        try:
            async with self._database.raw() as raw:
                ownerships = await store.ownerships_of(raw, {each.lead_id for each in asked})
        except Exception as error:  # noqa: BLE001 - each caller is told of the fault and answers for it
            for each in asked:
                each.fail(error)
        else:
            for each in asked:
                each.answer(ownerships.get(each.lead_id))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A caller who waits for a lead's ownership, unless cancelled."""

    lead_id: LeadId
    ownership: asyncio.Future[Ownership | None]

    def answer(self, ownership: Ownership | None) -> None:
        if not self.ownership.done():
            self.ownership.set_result(ownership)

    def fail(self, error: Exception) -> None:
        if not self.ownership.done():
            self.ownership.set_exception(error)


async def batch_check(database: Database, questions: Sequence[Question]) -> list[Decision]:
    """The answers to many questions, in their order; raises `TooManyChecks` above 2,000."""
    if len(questions) > CHECKS_MAX:
        raise TooManyChecks(len(questions))
    async with database.raw() as raw:
        ownerships = await store.ownerships_of(raw, {question.lead_id for question in questions})
    return [decide(question, ownerships.get(question.lead_id)) for question in questions]


async def list_audit_entries(
    database: Database, *, after_seq: int, page_size: int
) -> list[AuditEntry]:
    """A page of the audit log, oldest first: 100 entries when `page_size` is 0, 1,000 at most."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        return await store.audit_entries(raw, after_seq=after_seq, limit=limit)


async def verify_audit(database: Database) -> Verdict:
    """Recomputes every hash up to where the log ended at the call; entries appended meanwhile are not read."""
    async with database.raw() as raw:
        end = await store.head(raw)
        reached, misfit = AuditHead(0, GENESIS_HASH), None
        while misfit is None and reached.seq < end.seq:
            limit = min(VERIFIED_PAGE_SIZE, end.seq - reached.seq)
            page = await store.audit_entries(raw, after_seq=reached.seq, limit=limit)
            reached, misfit = first_misfit(reached, page)
            if not page:
                misfit = reached.seq + 1
    return Verdict(reached.seq, misfit or _end_misfit(reached, end))


def _end_misfit(reached: AuditHead, end: AuditHead) -> int:
    """The last entry's number when it is not the one that was appended last, else 0."""
    return 0 if reached.hash == end.hash else end.seq
