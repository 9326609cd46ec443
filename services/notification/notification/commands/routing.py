"""The router: gives each reminder that is due to the person it is for by now, on the route that is next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit import metrics
from servicekit.events import new_id

from notification.domain.attention import Attention
from notification.domain.reminders import Reason, State
from notification.domain.routing import Ended, Held, Routed, Waiting, decide
from notification.store import reminders, sends
from notification.wire.events import Stating

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from datetime import datetime

    from servicekit.database import Database, UnitOfWork

    from notification.domain.kinds import Policy
    from notification.domain.routing import Decision, Directory, Due

    Message = tuple[UUID, UUID, int, str, str, str, str]

BATCH_SIZE = 400
IDLE_S = 0.02
ALERT_S = 2.0
"""How long each step looks after something was left to the router."""
REST_S = 0.1
"""How late a deadline may be seen to have come."""

_FAILED = metrics.REMINDERS.labels(outcome="failed")


class Router:
    """Routes what is due, batch by batch; several replicas share the work.

    `refresh` looks for people who were put on another replica just now; `on_queued` is called after each transaction
    that put something on its way.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        directory: Directory,
        *,
        refresh: Callable[[], Awaitable[bool]],
        on_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._policy = policy
        self._directory = directory
        self._refresh = refresh
        self._on_queued = on_queued
        self._attention = Attention(alert_s=ALERT_S, rest_s=REST_S)

    def rouse(self) -> None:
        """Something is due, or will be in a moment."""
        self._attention.rouse(now_s=time.monotonic())

    async def step(self) -> bool:
        """Routes one batch in one transaction when it is time to look; true when there may be more."""
        if not self._attention.is_due(now_s=time.monotonic()):
            return False
        is_full = await self._route()
        if is_full:
            self.rouse()
        return is_full

    async def _route(self) -> bool:
        async with self._database.unit_of_work() as uow:
            due = await reminders.claim_due(uow.raw, now=uow.now, limit=BATCH_SIZE)
            if not due:
                return False
            decided = self._decided(due, now=uow.now)
            if any(_is_unknown(decision) for _, decision in decided):
                await self._refresh()
                decided = self._decided(due, now=uow.now)
            await _write(uow, decided)
        if any(isinstance(decision, Routed) for _, decision in decided):
            self._on_queued()
        return len(due) == BATCH_SIZE

    def _decided(self, due: Sequence[Due], *, now: datetime) -> list[tuple[Due, Decision]]:
        return [(each, decide(each, self._policy, self._directory, now=now)) for each in due]


def messages(reminder_id: UUID, route: Routed) -> Iterator[Message]:
    """The messages with which a reminder takes a route, one for each address."""
    recipient_id = route.person.recipient_id
    for address in route.addresses:
        medium, device = address.medium.value, address.device.value
        lane = f"{medium}:{device}:{recipient_id}"
        yield UUID(new_id()), reminder_id, route.step, medium, device, recipient_id, lane


def _is_unknown(decision: Decision) -> bool:
    return isinstance(decision, Ended) and decision.reason is Reason.NO_RECIPIENT


async def _write(uow: UnitOfWork, decided: Sequence[tuple[Due, Decision]]) -> None:
    moves: list[tuple[UUID, State, int, datetime, str, str, str]] = []
    waits: list[tuple[UUID, int, datetime]] = []
    queued: list[Message] = []
    for due, decision in decided:
        id_ = due.reminder_id
        match decision:
            case Held(until, step):
                moves.append((id_, State.DUE, step, until, "", "", ""))
            case Waiting(until, step):
                waits.append((id_, step, until))
            case Routed(person, owner, step, _, next_at):
                who = (person.recipient_id, owner)
                moves.append((id_, State.SENDING, step, next_at, *who, ""))
                queued += messages(id_, decision)
            case Ended(state, reason, recipient_id):
                owner = due.owner_id or ""
                moves.append((id_, state, due.step, uow.now, recipient_id, owner, reason.value))
                _state_end(uow, due, decision)
    await reminders.move(uow.raw, moves)
    await reminders.wait(uow.raw, waits)
    await sends.queue(uow.raw, queued, now=uow.now)


def _state_end(uow: UnitOfWork, due: Due, ended: Ended) -> None:
    _FAILED.inc()
    metrics.bound(metrics.REMINDERS_FAILED, due.kind, ended.reason.value).inc()
    stating = Stating(due.reminder_id, due.kind, ended.recipient_id, due.subject)
    event = stating.failed(ended.reason, attempt_count=due.attempt_count, at=uow.now)
    uow.publish(event, key=stating.key, cause=stating.cause)
