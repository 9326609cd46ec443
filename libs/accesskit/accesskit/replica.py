"""A replica: what permissions decides from, kept in another service's memory.

It begins with a snapshot, applies each announced change, and asks for what it missed when the revisions show a gap.
It never answers from a state that it has not heard of for some seconds, nor from one older than a token it was asked
with. A part of a service.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import grpc
import structlog
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import facts_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import FactsChanged
from leadchain.permissions.v1.facts_service_pb2_grpc import FactsServiceStub
from servicekit.errors import Unavailable
from servicekit.polling import Poller

from accesskit.changes import PrincipalPut, SessionRevoked
from accesskit.engine import Engine
from accesskit.tokens import Token
from accesskit.wire import change_from_pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from servicekit.announcements import Announcements

    from accesskit.changes import Change

log = structlog.get_logger()

STALENESS_MAX_S = 5.0
"""Seconds without a sign of life after which a replica answers nothing (permissions sends one every second)."""
STARTING_S = 10.0
"""Seconds for which a service is not ready for want of a first snapshot; then it works without RPCs."""
TOKEN_WAIT_S = 0.05
"""Seconds in which changes that a token speaks of usually arrive."""
SNAPSHOT_TIMEOUT_S = 60.0
CATCH_UP_TIMEOUT_S = 10.0
CONFIRM_TIMEOUT_S = 2.0
IDLE_S = 1.0
HEARTBEAT_S = 15.0
"""Seconds between two confirmations; permissions expects nothing of whom it has not heard for 45 s."""


class Replica:
    """Follows permissions. `channel` leads to it, for other calls too.

    `instance_id` tells the processes of a service apart. `clock` is monotonic, in seconds. Every
    `heartbeat_s` it says that it is alive, by confirming again.
    """

    name = "permissions replica"

    def __init__(
        self,
        channel: Callable[[], grpc.aio.Channel],
        announcements: Announcements,
        *,
        instance_id: str,
        clock: Callable[[], float] = time.monotonic,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.engine = Engine()
        self.log_id = ""
        self.channel = channel
        self._instance_id = instance_id
        self._clock = clock
        self._heard_log_id = ""
        self._heard_revision = 0
        self._heard_at_s = float("-inf")
        self._started_at_s = clock()
        self._said: pb.ConfirmRevisionRequest | None = None
        self._unconfirmed = False
        self._moved = asyncio.Event()
        self._following = Poller(self.name, self._follow, idle_s=IDLE_S)
        self._confirming = Poller(f"{self.name} confirming", self._confirm, idle_s=heartbeat_s)
        announcements.hear(FactsChanged, self.hear)

    async def start(self) -> None:
        """Begins to follow; a permissions that is away keeps nobody from starting."""
        self._started_at_s = self._clock()
        await self._following.start()
        await self._confirming.start()

    async def stop(self) -> None:
        """Follows no longer."""
        await self._following.stop()
        await self._confirming.stop()

    def problem(self) -> str | None:
        """Why the service should not be called yet: it waits for its first snapshot, for ten seconds at most."""
        is_starting = self._clock() - self._started_at_s < STARTING_S
        return "no snapshot of permissions yet" if is_starting and not self.log_id else None

    @property
    def is_current(self) -> bool:
        """Whether it may answer: it has a state, knows of nothing newer, and has had a sign of life lately."""
        return (
            self.log_id != ""
            and self._heard_revision <= self.engine.revision
            and self._clock() - self._heard_at_s <= STALENESS_MAX_S
        )

    @property
    def token(self) -> str:
        """The consistency token of the state as it is now."""
        return str(Token(self.log_id, self.engine.revision))

    async def at_least(self, token_text: str) -> bool:
        """Whether the state is no older than a token, after waiting 50 ms for it; raises for a foreign token."""
        token = Token.parse(token_text, log_id=self.log_id)
        try:
            async with asyncio.timeout(TOKEN_WAIT_S):
                while self.engine.revision < token.revision:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def hear(self, event: FactsChanged) -> None:
        """Applies announced changes, if they are the next; otherwise remembers that there are some."""
        if event.log_id != self.log_id:
            self._lose()
            self._heard_log_id, self._heard_revision = event.log_id, event.revision
            return
        if event.previous_revision == self.engine.revision < event.revision:
            self._apply(event.changes, event.revision)
        self._note(event.revision)

    def _note(self, revision: int) -> None:
        """Takes a sign of life; wakes whoever fetches what was missed."""
        self._heard_revision = max(self._heard_revision, revision)
        if self._heard_revision <= self.engine.revision:
            self._heard_at_s = self._clock()
        else:
            self._following.wake()

    def _lose(self) -> None:
        """Another log: this state means nothing any more, and a new snapshot is needed."""
        self.log_id = ""
        self._following.wake()

    async def _follow(self) -> bool:
        """Fetches what is missing, if anything is; says whether there may be more."""
        if not self.log_id:
            await self._load()
        elif not self.is_current:
            await self._catch_up()
        return False

    async def _load(self) -> None:
        """Takes a snapshot into an engine of its own, which then replaces the present one."""
        engine, changes = Engine(), list[changes_pb2.Change]()
        stub = FactsServiceStub(self.channel())
        async for part in stub.Snapshot(pb.SnapshotRequest(), timeout=SNAPSHOT_TIMEOUT_S):
            changes.extend(part.changes)
            if part.is_last:
                engine.apply(list(_known(changes)), revision=part.revision)
                self._begin(engine, part.log_id)
                log.info("permissions_loaded", revision=part.revision, changes=len(changes))
                return
        raise Unavailable("the snapshot of permissions ended early")

    def _begin(self, engine: Engine, log_id: str) -> None:
        """Answers from a snapshot, once what was announced while it was taken has been fetched too."""
        self.engine, self.log_id = engine, log_id
        if self._heard_log_id != log_id:
            self._heard_log_id, self._heard_revision = log_id, engine.revision
        self._note(engine.revision)
        self._moved.set()
        self._unconfirmed = True
        self._confirming.wake()

    async def _catch_up(self) -> None:
        """Applies what was committed since, until permissions has no more."""
        stub = FactsServiceStub(self.channel())
        request = pb.WatchRequest(after_revision=self.engine.revision)
        call = stub.Watch(request, timeout=CATCH_UP_TIMEOUT_S)
        try:
            async for response in call:
                if response.log_id != self.log_id:
                    self._lose()
                    return
                if response.previous_revision <= self.engine.revision < response.revision:
                    self._apply(response.changes, response.revision)
                self._note(response.revision)
                if self.is_current:
                    return
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                self._lose()
            raise
        finally:
            call.cancel()

    def _apply(self, messages: Sequence[changes_pb2.Change], revision: int) -> None:
        changes = list(_known(messages))
        self.engine.apply(changes, revision=revision)
        self._moved.set()
        if any(isinstance(change, PrincipalPut | SessionRevoked) for change in changes):
            self._unconfirmed = True
            self._confirming.wake()

    async def _confirm(self) -> bool:
        """Tells permissions that revocations up to here are in force in this process; repeats it as a sign of life."""
        if self._unconfirmed:
            self._unconfirmed = False
            self._said = pb.ConfirmRevisionRequest(
                instance_id=self._instance_id, revision=self.engine.revision
            )
            self._said.applied_at.GetCurrentTime()
        if self._said is not None and self.log_id:
            stub = FactsServiceStub(self.channel())
            await stub.ConfirmRevision(self._said, timeout=CONFIRM_TIMEOUT_S)
        return self._unconfirmed


def _known(messages: Iterable[changes_pb2.Change]) -> Iterable[Change]:
    """The changes of messages; one of a kind that only a newer permissions knows raises ValueError."""
    return (change_from_pb(message) for message in messages)
