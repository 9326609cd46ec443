"""The reps: they read their reminders, make contact with most leads, and let the clock run out on the rest.

A rep who gets a lead that somebody else let run out makes contact, so that in the end every owner has.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1.assignment_service_pb2 import MarkContactedRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from leadctl.clients import AWAY, NotAnswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from leadctl.clients import Services

READ_EVERY_S = 0.1
CALLS_AT_ONCE = 16
CALL_AGAIN_AFTER_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0)
"""Together 47 s: on a busy machine a process takes half a minute to be there again."""

CONTACTED_OF_TEN = (0, 1, 3, 4, 6, 8)
"""Which of ten first owners, as their reminders come, make contact in time: 60 %."""


class ReminderFile:
    """The sink's file of reminders, a JSON line each, read on from where the last reading ended."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def new_reminders(self) -> list[dict[str, Any]]:
        """What has come since; a line that is still being written waits for the next reading."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as content:
            content.seek(self._offset)
            text = content.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class RepsAtWork:
    """Acts on reminders until told to stop; counts what happened. `noticed` is called after each reading."""

    def __init__(self, known: Services, file: ReminderFile, noticed: Callable[[], None]) -> None:
        self._known = known
        self._file = file
        self._noticed = noticed
        self._first_count = 0
        self.contacted = 0
        self.too_late = 0
        self.leads_reminded: set[str] = set()
        self.handed_on: set[str] = set()
        self.manager_notices = 0

    async def work(self, done: asyncio.Event) -> None:
        """Read and act until `done` is set; raises `NotAnswered` when assignment stays away."""
        while not done.is_set():
            await self._act_on(self._file.new_reminders())
            self._noticed()
            await _until(done, READ_EVERY_S)

    async def _act_on(self, reminders: Iterable[dict[str, Any]]) -> None:
        calls = iter([reminder for reminder in reminders if self._calls_for_contact(reminder)])

        async def call() -> None:
            for reminder in calls:
                await self._contact(reminder["lead_id"], reminder["recipient_id"])

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLS_AT_ONCE):
                tasks.create_task(call())

    def _calls_for_contact(self, reminder: dict[str, Any]) -> bool:
        if reminder["kind"] != "lead_assigned":
            self.manager_notices += 1
            return False
        self.leads_reminded.add(reminder["lead_id"])
        if reminder["assignment_no"] > 1:
            self.handed_on.add(reminder["lead_id"])
            return True
        self._first_count += 1
        return self._first_count % 10 in CONTACTED_OF_TEN

    async def _contact(self, lead_id: str, rep_id: str) -> None:
        """Marks contact; a rep whom nobody answers calls again, as long as a restart may take."""
        for wait_s in CALL_AGAIN_AFTER_S:
            try:
                await self._mark_contacted(lead_id, rep_id)
            except NotAnswered as failure:
                if failure.code not in AWAY:
                    raise
                await asyncio.sleep(wait_s)
            else:
                return
        await self._mark_contacted(lead_id, rep_id)

    async def _mark_contacted(self, lead_id: str, rep_id: str) -> None:
        request = MarkContactedRequest(lead_id=lead_id, rep_id=rep_id)
        try:
            with self._known.asking("assignment") as channel:
                await AssignmentServiceStub(channel).MarkContacted(request)
        except NotAnswered as failure:
            # The clock ran out between reminder and call; the next owner gets a reminder too.
            if failure.code != "PERMISSION_DENIED":
                raise
            self.too_late += 1
        else:
            self.contacted += 1


async def _until(done: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await done.wait()
    except TimeoutError:
        return
