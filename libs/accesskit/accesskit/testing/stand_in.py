"""A stand-in for permissions: the same contract over the same engine, filled by a test.

It answers snapshots, watches and checks from memory. There is no log behind it and nothing is recorded.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1 import facts_service_pb2 as facts_pb
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.approvals_service_pb2 import UseApprovalRequest, UseApprovalResponse
from leadchain.permissions.v1.approvals_service_pb2_grpc import (
    ApprovalsServiceServicer,
    add_ApprovalsServiceServicer_to_server,
)
from leadchain.permissions.v1.facts_service_pb2_grpc import (
    FactsServiceServicer,
    add_FactsServiceServicer_to_server,
)
from leadchain.permissions.v1.permissions_service_pb2_grpc import (
    PermissionsServiceServicer,
    add_PermissionsServiceServicer_to_server,
)
from servicekit.errors import Forbidden
from servicekit.grpc_server import GrpcServer

from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.decisions import Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.wire import change_to_pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from grpc.aio import ServicerContext

    from accesskit.changes import Change

    Context = ServicerContext[Any, Any]

LOG_ID = "stand-in"
SIGN_OF_LIFE_S = 1.0

EVERYTHING = """
model: |
  model
    schema 1.1
  type user
  type service
  type role
    relations
      define member: [user, service]
  type lead
    relations
      define owner: [user]
  type customer
    relations
      define owner: [user]
  type platform
  type webhook_account
  type mapping
  type rule
  type contract
rules:
  - id: services
    roles: [colleague]
    on: [lead, customer, platform]
    actions: [create, read, read_identity, contact, operate, administer, read_book, read_reports, act_for, list_pool]
  - {id: publishers, roles: [colleague], on: [webhook_account, mapping, rule, contract], actions: [read, edit, publish]}
  - {id: owners, on: lead, as: owner, actions: [read, contact]}
roles:
  colleague: {zh: 同事, en: Colleague}
services: []
"""
"""A policy under which every principal with the role `colleague` may do what the services' contracts name."""

APPROVED = (
    EVERYTHING
    + """
approvals:
  - id: publish_configuration
    on: [webhook_account, mapping, rule, contract]
    actions: [publish]
    steps: [{group: others, roles: [colleague]}]
"""
)
"""The same policy, but configuration is published with an approval only."""

APPROVED_PREFIX = "approved-"


class Refused(Forbidden):
    """The approval does not permit this; the text is the code."""


class StandIn(FactsServiceServicer, PermissionsServiceServicer, ApprovalsServiceServicer):
    """Permissions as other services see it. `apply` changes its state; `confirmed` are the revisions confirmed.

    Approvals whose id begins with `approved-` permit the first deed for which they are used, and none but it; others
    permit nothing. `used` are those uses.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self.engine = Engine()
        self.confirmed: list[tuple[str, int]] = []
        self.checked: list[str] = []
        self.used: dict[str, UseApprovalRequest] = {}
        self._history: list[tuple[int, Sequence[Change]]] = []
        self._moved = asyncio.Condition()
        self._now = list(changes)
        self.engine.apply(changes, revision=1)

    async def apply(self, changes: Sequence[Change]) -> int:
        """Commits changes; returns their revision."""
        revision = self.engine.revision + 1
        self.engine.apply(changes, revision=revision)
        self._history.append((revision, changes))
        self._now.extend(changes)
        async with self._moved:
            self._moved.notify_all()
        return revision

    async def Snapshot(
        self, request: facts_pb.SnapshotRequest, context: Context
    ) -> AsyncIterator[facts_pb.SnapshotResponse]:
        """Everything, in one part."""
        yield facts_pb.SnapshotResponse(
            changes=[change_to_pb(change) for change in self._now],
            revision=self.engine.revision,
            log_id=LOG_ID,
            is_last=True,
        )

    async def Watch(
        self, request: facts_pb.WatchRequest, context: Context
    ) -> AsyncIterator[facts_pb.WatchResponse]:
        """What came after a revision, then what comes, and a sign of life every second."""
        reached = request.after_revision
        while True:
            for revision, changes in [entry for entry in self._history if entry[0] > reached]:
                yield _watched(reached, revision, changes)
                reached = revision
            yield _watched(reached, reached, ())
            await self._wait()

    async def ConfirmRevision(
        self, request: facts_pb.ConfirmRevisionRequest, context: Context
    ) -> facts_pb.ConfirmRevisionResponse:
        """Remembers who has applied what."""
        self.confirmed.append((request.instance_id, request.revision))
        return facts_pb.ConfirmRevisionResponse()

    async def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        """One decision."""
        question = Question(
            request.subject_id, request.action, request.resource.type, request.resource.id
        )
        self.checked.append(request.action)
        decision = self.engine.decide(question, now_s=time.time())
        allowed = decision.outcome is Outcome.ALLOW
        return pb.CheckResponse(allowed=allowed, reason=decision.reason or decision.rule)

    async def UseApproval(
        self, request: UseApprovalRequest, context: Context
    ) -> UseApprovalResponse:
        """Whether the approval permits the deed; the same use again is answered alike."""
        if not request.approval_id.startswith(APPROVED_PREFIX):
            raise Refused("approval_unverifiable")
        first = self.used.setdefault(request.approval_id, request)
        if (first.deed, first.idempotency_key) != (request.deed, request.idempotency_key):
            raise Refused("out_of_scope")
        return UseApprovalResponse(is_repeated=first is not request)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_S), self._moved:
                await self._moved.wait()
        except TimeoutError:
            return


def _watched(before: int, revision: int, changes: Sequence[Change]) -> facts_pb.WatchResponse:
    return facts_pb.WatchResponse(
        previous_revision=before,
        revision=revision,
        changes=[change_to_pb(change) for change in changes],
        log_id=LOG_ID,
    )


def colleagues(*names: str) -> list[Change]:
    """The permissive policy, and services that may do everything under it."""
    changes: list[Change] = [PolicyPut(1, EVERYTHING, "live")]
    for name in names:
        changes.append(PrincipalPut(name, "service", "active", 1))
        changes.append(FactPut(Fact("role", "colleague", "member", "service", name)))
    return changes


@asynccontextmanager
async def serving(
    stand_in: StandIn, *others: tuple[Callable[..., None], object, str]
) -> AsyncIterator[str]:
    """The stand-in on a free port; gives its address.

    `others` are further servicers there: how each is added, itself, and its service's full name.
    """
    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)
    for add, name in (
        (add_FactsServiceServicer_to_server, "FactsService"),
        (add_PermissionsServiceServicer_to_server, "PermissionsService"),
        (add_ApprovalsServiceServicer_to_server, "ApprovalsService"),
    ):
        server.add(add, stand_in, f"leadchain.permissions.v1.{name}")
    for add_other, servicer, name in others:
        server.add(add_other, servicer, name)
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()
