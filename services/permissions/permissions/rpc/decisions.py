"""RPCs of permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1.permissions_service_pb2_grpc import (
    PermissionsServiceServicer,
    add_PermissionsServiceServicer_to_server,
)

from permissions import queries, wire
from permissions.queries import Checks

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.permissions.v1 import permissions_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

SERVICE = "leadchain.permissions.v1.PermissionsService"


def serve(grpc: GrpcServer, database: Database) -> Checks:
    """Answers permissions' RPCs on `grpc`; returns the part that single checks need, to be started before it."""
    checks = Checks(database)
    servicer = PermissionsServicer(database, checks)
    grpc.add(add_PermissionsServiceServicer_to_server, servicer, SERVICE)
    return checks


class PermissionsServicer(PermissionsServiceServicer):
    """May this actor do this, now?"""

    def __init__(self, database: Database, checks: Checks) -> None:
        self._database = database
        self._checks = checks

    async def Check(
        self, request: pb.CheckRequest, context: ServicerContext[Any, Any]
    ) -> pb.CheckResponse:
        """One decision, with its reason."""
        return wire.check_response(await self._checks.check(wire.question(request)))

    async def BatchCheck(
        self, request: pb.BatchCheckRequest, context: ServicerContext[Any, Any]
    ) -> pb.BatchCheckResponse:
        """Many decisions at once."""
        questions = [wire.question(check) for check in request.checks]
        return wire.batch_check_response(await queries.batch_check(self._database, questions))

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListAuditEntriesResponse:
        """A page of the audit log, oldest first."""
        after_seq, page_size = wire.after_seq(request), request.page_size
        entries = await queries.list_audit_entries(
            self._database, after_seq=after_seq, page_size=page_size
        )
        return wire.audit_entries_response(entries)

    async def VerifyAudit(
        self, request: pb.VerifyAuditRequest, context: ServicerContext[Any, Any]
    ) -> pb.VerifyAuditResponse:
        """Recomputes the hash chain and names the first entry that does not fit."""
        return wire.verdict_response(await queries.verify_audit(self._database))
