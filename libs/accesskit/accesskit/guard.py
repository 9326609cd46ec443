"""The guard of a service's RPCs: permits what the engine at hand allows, and has a refusal confirmed.

A refusal is asked again of permissions itself, which knows the newest state, writes the refusal into the audit log
and says what would change it: a 403 always says why (DX-05).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import grpc
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from servicekit.errors import Forbidden, Unavailable

from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.facts import checked_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message
    from servicekit.access import Need
    from servicekit.auth import Caller

    from accesskit.engine import Engine
    from accesskit.replica import Replica

ASK_TIMEOUT_S = 2.0
ACT_FOR = "act_for"
"""What a service may do on itself (`platform`) when it may act for people."""


class Refusal(Forbidden):
    """The action is not allowed; the text names the action, the reason's code and what would change it."""

    def __init__(self, action: str, reason: str, remedies: tuple[str, ...] = ()) -> None:
        remedy = f" ({'; '.join(remedies)})" if remedies else ""
        super().__init__(f"{action}: {reason}{remedy}")
        self.reason = reason


class State(Protocol):
    """Where answers come from: a replica, or the state of permissions itself."""

    def last_engine(self) -> Engine:
        """The engine, however old: what was revoked then is revoked now."""

    def current_engine(self) -> Engine | None:
        """The engine, if it may answer now."""

    async def engine_at(self, consistency_token: str) -> Engine | None:
        """The engine, if it may answer now and does not predate a token."""

    async def confirm(self, question: Question, *, consistency_token: str) -> None:
        """Returns if the newest state allows it after all; raises `Refusal`, or `Unavailable`."""


class AccessGuard:
    """Decides about calls to `service`; `clock` gives Unix seconds."""

    def __init__(
        self, service: str, state: State, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._state = state
        self._clock = clock

    async def permit(
        self, caller: Caller, need: Need, request: Message, *, consistency_token: str
    ) -> None:
        """Returns when the caller may do what the RPC stands for.

        Raises `Refusal`, `BadName` when the resource's id cannot be one, or `Unavailable`.
        """
        engine = (
            await self._state.engine_at(consistency_token)
            if consistency_token
            else self._state.current_engine()
        )
        for question in self._questions(caller, need, request):
            if engine is None or not _allows(engine, question, now_s=self._clock()):
                await self._state.confirm(question, consistency_token=consistency_token)

    def is_revoked(self, caller: Caller) -> bool:
        """Whether a token that is still good by itself is void; asked at each request, also of any caller."""
        return self._state.last_engine().is_void(caller.subject, circumstances_of(caller))

    def _questions(self, caller: Caller, need: Need, request: Message) -> Iterator[Question]:
        circumstances: Circumstances | None = circumstances_of(caller)
        subject_id = need.subject_id(request) or caller.subject
        if subject_id != caller.subject:
            yield Question(
                caller.subject, ACT_FOR, "platform", self._service, circumstances=circumstances
            )
            # Of the person's own session nothing is known here; whoever speaks for them has seen to it.
            circumstances = None
        for resource_id in need.resource_ids(request, own_id=self._service):
            yield Question(
                subject_id,
                need.action,
                need.resource_type,
                checked_name(resource_id, need.resource_field or "resource"),
                circumstances=circumstances,
            )


def circumstances_of(caller: Caller) -> Circumstances:
    """What the caller's token says of its session."""
    return Circumstances(
        session_id=caller.session_id, device_id=caller.device_id, epoch=caller.epoch
    )


def _allows(engine: Engine, question: Question, *, now_s: float) -> bool:
    return engine.decide(question, now_s=now_s).outcome is Outcome.ALLOW


class ReplicaState:
    """Answers from a replica; what it refuses, or cannot say, is asked of permissions."""

    def __init__(self, replica: Replica, channel: Callable[[], grpc.aio.Channel]) -> None:
        self._replica = replica
        self._channel = channel

    def last_engine(self) -> Engine:
        """The replica's engine."""
        return self._replica.engine

    def current_engine(self) -> Engine | None:
        """The replica's engine, unless it is stale."""
        return self._replica.engine if self._replica.is_current else None

    async def engine_at(self, consistency_token: str) -> Engine | None:
        """The replica's engine, if the changes that a token speaks of have arrived or do so within 50 ms."""
        if self._replica.log_id and await self._replica.at_least(consistency_token):
            return self.current_engine()
        return None

    async def confirm(self, question: Question, *, consistency_token: str) -> None:
        """Asks permissions, and sees the newest state there."""
        request = _check_request(question)
        request.consistency.latest = True
        request.consistency.at_least = consistency_token
        try:
            stub = PermissionsServiceStub(self._channel())
            response = await stub.Check(request, timeout=ASK_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"permissions does not answer: {error.code().name}") from None
        if not response.allowed:
            raise Refusal(question.action, response.reason, tuple(response.remedies))


def _check_request(question: Question) -> pb.CheckRequest:
    request = pb.CheckRequest(
        subject_id=question.subject_id,
        action=question.action,
        resource=changes_pb2.Entity(type=question.resource_type, id=question.resource_id),
    )
    if question.circumstances is not None:
        given = request.circumstances
        given.session_id = question.circumstances.session_id
        given.device_id = question.circumstances.device_id
        given.epoch = question.circumstances.epoch or 0
        given.SetInParent()
    return request
