"""AuditService."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1 import audit_service_pb2 as pb
from leadchain.permissions.v1.audit_service_pb2_grpc import (
    AuditServiceServicer,
    add_AuditServiceServicer_to_server,
)
from servicekit.errors import Unavailable

from permissions.commands import audit as commands
from permissions.commands import rotating, sealing
from permissions.commands.sealing import Keyring, Sealer, Unsealed
from permissions.queries import audit as queries
from permissions.queries.rights import known_caller
from permissions.wire import audit as wire
from permissions.wire.dumps import DumpWriter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

SERVICE = "leadchain.permissions.v1.AuditService"
MESSAGE_BYTES_MAX = 1_000_000


def serve(chassis: Chassis, live: Live, keyring: Keyring | None) -> None:
    """Answers AuditService on the chassis' gRPC host, and seals the log where there is a key to sign with."""
    if keyring is None:
        chassis.workers.append(Unsealed())
    else:
        sealer = Sealer(chassis.database, keyring)
        chassis.work("sealer", sealer.step, idle_s=sealing.IDLE_S)
    servicer = AuditServicer(chassis.database, live, keyring)
    chassis.grpc.add(add_AuditServiceServicer_to_server, servicer, SERVICE)


class AuditServicer(AuditServiceServicer):
    """What proves the audit log."""

    def __init__(self, database: Database, live: Live, keyring: Keyring | None) -> None:
        self._database = database
        self._live = live
        self._keyring = keyring

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetCheckpointResponse:
        """One checkpoint."""
        return wire.checkpoint_response(*await queries.get_checkpoint(self._database, request.size))

    async def ListCheckpoints(
        self, request: pb.ListCheckpointsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListCheckpointsResponse:
        """A page of checkpoints."""
        found, is_complete = await queries.list_checkpoints(
            self._database, after_size=request.after_size, page_size=request.page_size
        )
        return wire.checkpoints_response(found, is_complete=is_complete)

    async def ProveInclusion(
        self, request: pb.ProveInclusionRequest, context: ServicerContext[Any, Any]
    ) -> pb.ProveInclusionResponse:
        """That an entry is in the log."""
        proof = await queries.prove_inclusion(self._database, request.seq, request.size)
        return wire.inclusion_response(proof)

    async def ProveConsistency(
        self, request: pb.ProveConsistencyRequest, context: ServicerContext[Any, Any]
    ) -> pb.ProveConsistencyResponse:
        """That a log grew out of another."""
        proof = await queries.prove_consistency(self._database, request.old_size, request.size)
        return wire.consistency_response(proof)

    async def CoSign(
        self, request: pb.CoSignRequest, context: ServicerContext[Any, Any]
    ) -> pb.CoSignResponse:
        """Keeps a witness's signature."""
        async with self._database.unit_of_work() as uow:
            await commands.co_sign(
                uow,
                request.size,
                request.root,
                request.signature_line,
                witness=known_caller().subject,
            )
        return pb.CoSignResponse()

    async def WhoChanged(
        self, request: pb.WhoChangedRequest, context: ServicerContext[Any, Any]
    ) -> pb.WhoChangedResponse:
        """Who changed a resource."""
        page = await queries.who_changed(
            self._database,
            request.resource,
            request.field,
            before_seq=request.before_seq,
            page_size=request.page_size,
        )
        return wire.who_changed_response(page)

    async def DumpAudit(
        self, request: pb.DumpAuditRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.DumpAuditResponse]:
        """The dump file, part by part."""
        async with aclosing(_dump(self._database)) as contents:
            async for content in contents:
                for start in range(0, len(content), MESSAGE_BYTES_MAX):
                    yield pb.DumpAuditResponse(content=content[start : start + MESSAGE_BYTES_MAX])

    async def ErasePersonal(
        self, request: pb.ErasePersonalRequest, context: ServicerContext[Any, Any]
    ) -> pb.ErasePersonalResponse:
        """Erases personal values."""
        async with self._database.unit_of_work() as uow:
            count, seq = await commands.erase_personal(
                uow, request.subject, actor=known_caller().subject
            )
        return pb.ErasePersonalResponse(entry_count=count, seq=seq)

    async def RotateSigningKey(
        self, request: pb.RotateSigningKeyRequest, context: ServicerContext[Any, Any]
    ) -> pb.RotateSigningKeyResponse:
        """Has another key sign."""
        verifier_key, seq = await rotating.rotate(
            self._database,
            self._live,
            request.public_key,
            approval_id=request.approval_id,
            keyring=self._sealing(),
            caller=known_caller(),
        )
        return pb.RotateSigningKeyResponse(verifier_key=verifier_key, seq=seq)

    def _sealing(self) -> Keyring:
        if self._keyring is None:
            raise Unavailable("this process has no signing key")
        return self._keyring


async def _dump(database: Database) -> AsyncGenerator[bytes]:
    writer = DumpWriter(now_s=time.time())
    async with aclosing(queries.dump(database)) as parts:
        async for part in parts:
            yield writer.part(part)
    yield writer.end()
