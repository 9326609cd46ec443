"""The state that decisions are made from, in memory, as of a revision of the log.

Loaded from the tables at the start, then kept by the entries that each commit adds. An announcement says that there
are some; the entries themselves are read from the log, so nothing is applied that is not committed, and nothing is
left out. Without announcements it looks every second.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from accesskit.changes import from_plain
from accesskit.engine import Engine
from accesskit.tokens import Token
from servicekit.errors import Conflict, Unavailable
from servicekit.polling import Poller

from permissions.store import audit, leases, loading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg
    from accesskit.changes import Change
    from accesskit.decisions import Decision, Question
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

    from permissions.domain.audit import AuditEntry

PAGE_SIZE = 250
"""Entries of the log read at once; one of a handover holds a hundred changes."""
RECENT_ENTRIES = 1000
"""How far back in the log the latest time is looked for at the start, in case a clock was set back."""
IDLE_S = 1.0
CATCHING_UP_TIMEOUT_S = 2.0
STALENESS_MAX_S = 5.0
"""A state that has not been compared with the log for longer answers nothing."""


class AheadOfLog(Conflict):
    """A consistency token of a revision that this log has never reached."""

    def __init__(self) -> None:
        super().__init__("the consistency token is ahead of the log")


class Live:
    """The engine and what keeps it up to date. A part of a service.

    `on_changes` are told of changes after they have been applied, with the revisions before and after. `on_decided`
    are told of each decision and its time (Unix seconds) while a candidate policy is evaluated beside the live one.
    `clock` gives Unix seconds, `ticks` the seconds that staleness is measured in. `field_keys` open and seal the
    personal values beside the log; without them there can be none.
    """

    name = "live"

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        field_keys: KeyRing | None = None,
    ) -> None:
        self.engine = Engine()
        self.field_keys = field_keys
        self.log_id = ""
        self.on_changes: list[Callable[[int, int, Sequence[Change]], None]] = []
        self.on_decided: list[Callable[[Question, Decision, float], None]] = []
        self._database = database
        self._clock = clock
        self._ticks = ticks
        self._catching_up = asyncio.Lock()
        self._reads_begun = 0
        self._last_read = 0
        self._token = (-1, "")
        self._reached_s = float("-inf")
        self._seen_at_s = float("-inf")
        self._poller = Poller(self.name, self._poll, idle_s=IDLE_S)

    @property
    def now_s(self) -> float:
        """The time at which a decision is made, Unix seconds: never before the newest entry that is applied.

        A clock that is set back reopens nothing that had run out by then.
        """
        return max(self._clock(), self._reached_s)

    @property
    def token(self) -> str:
        """The consistency token of the state as it is now."""
        if self._token[0] != self.engine.revision:
            self._token = (self.engine.revision, self.token_at(self.engine.revision))
        return self._token[1]

    def token_at(self, revision: int) -> str:
        """The consistency token of a revision of this log."""
        return str(Token(self.log_id, revision))

    async def start(self) -> None:
        """Loads the state; raises `Unavailable` when the database is away."""
        async with self._database.raw() as raw, raw.transaction(isolation="repeatable_read"):
            head = await audit.head(raw)
            self.log_id = head.log_id
            self.engine.apply(await loading.every_change(raw), revision=head.revision)
            recorded_at = await audit.recorded_at_latest(raw, after_seq=head.seq - RECENT_ENTRIES)
            self._reach(recorded_at.timestamp() if recorded_at else 0.0)
            self._reach(await leases.reached_s(raw))
        self._seen_at_s = self._ticks()
        await self._poller.start()

    async def stop(self) -> None:
        """Follows the log no longer."""
        await self._poller.stop()

    def problem(self) -> str | None:
        """Why nothing is answered."""
        if self.is_stale:
            return "the state is stale"
        return self._poller.problem()

    def wake(self) -> None:
        """Looks at the log now; called for each announcement."""
        self._poller.wake()

    def has_reached(self, token_text: str) -> bool:
        """Whether the state is no older than a token; raises `MalformedToken` or `ForeignToken`."""
        token = Token.parse(token_text, log_id=self.log_id)
        return bool(token.revision <= self.engine.revision)

    async def at_least(self, token_text: str) -> None:
        """Waits until the state is not stale, and no older than a token where one is given.

        Raises `MalformedToken`, `ForeignToken`, `AheadOfLog` or `Unavailable`.
        """
        if self.is_stale or (token_text and not self.has_reached(token_text)):
            await self.catch_up()
        if token_text and not self.has_reached(token_text):
            raise AheadOfLog

    async def catch_up(self) -> None:
        """Applies all that was committed before the call; one read of the log serves all who wait for it.

        Raises `Unavailable` when the log cannot be read within two seconds.
        """
        begun_before = self._reads_begun
        try:
            async with asyncio.timeout(CATCHING_UP_TIMEOUT_S), self._catching_up:
                # Whoever held the lock may have begun to read after this call, and so have read for it too.
                if self._last_read <= begun_before:
                    await self._read_log()
        except TimeoutError:
            raise Unavailable("the log of permissions cannot be read in time") from None

    @property
    def is_stale(self) -> bool:
        """Whether the state has not been compared with the log for too long to answer anything."""
        return self._ticks() - self._seen_at_s > STALENESS_MAX_S

    def refuse_stale(self) -> None:
        """Raises `Unavailable` when the state is stale."""
        if self.is_stale:
            raise Unavailable("the state of permissions is stale")

    async def _read_log(self) -> None:
        self._reads_begun += 1
        reading, began_at_s = self._reads_begun, self._ticks()
        async with self._database.raw() as raw:
            await self._apply_new(raw)
        self._last_read, self._seen_at_s = reading, began_at_s

    async def _poll(self) -> bool:
        await self.catch_up()
        return False

    async def _apply_new(self, raw: asyncpg.Connection) -> None:
        while True:
            before = self.engine.revision
            entries = await audit.changing_entries_after(raw, before, limit=PAGE_SIZE)
            if not entries:
                return
            self._apply(before, entries)

    def _apply(self, before: int, entries: Sequence[AuditEntry]) -> None:
        changes = [change for entry in entries for change in changes_of(entry)]
        revision = entries[-1].seq
        self.engine.apply(changes, revision=revision)
        self._reach(max(entry.recorded_at for entry in entries).timestamp())
        for tell in self.on_changes:
            tell(before, revision, changes)

    def _reach(self, at_s: float) -> None:
        self._reached_s = max(self._reached_s, at_s)


def changes_of(entry: AuditEntry) -> list[Change]:
    """The changes that an entry states."""
    stated = json.loads(entry.fact)
    return [from_plain(plain) for plain in stated.get("changes", ())]
