"""RulesService: rules are checked, tried on real leads, published and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1 import rules_service_pb2 as pb
from leadchain.assignment.v1.rules_service_pb2_grpc import (
    RulesServiceServicer,
    add_RulesServiceServicer_to_server,
)
from servicekit.auth import caller_id

from assignment import commands, queries
from assignment.commands.rules import sha256_of
from assignment.policies import RULES_FILE
from assignment.wire import rules as wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    from assignment.clients import Approvals

    Context = ServicerContext[Any, Any]


def serve(
    server: GrpcServer,
    database: Database,
    desk: commands.Desk,
    approvals: Approvals,
    *,
    wake_drain: Callable[[], None],
) -> None:
    """Adds the service to a host; `wake_drain` is called when waiting leads may find an owner."""
    server.add(
        add_RulesServiceServicer_to_server,
        RulesServicer(database, desk, approvals, wake_drain=wake_drain),
        "leadchain.assignment.v1.RulesService",
    )


class RulesServicer(RulesServiceServicer):
    """Answers those who decide who gets which lead."""

    def __init__(
        self,
        database: Database,
        desk: commands.Desk,
        approvals: Approvals,
        *,
        wake_drain: Callable[[], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._approvals = approvals
        self._wake_drain = wake_drain

    async def CheckRules(
        self, request: pb.CheckRulesRequest, context: Context
    ) -> pb.CheckRulesResponse:
        """What a document is worth."""
        faults, gaps, in_force = await queries.check_rules(
            self._database, request.document, request.file_name or RULES_FILE
        )
        return wire.check_response(
            faults, gaps, sha256=sha256_of(request.document), version_in_force=in_force
        )

    async def SimulateRules(
        self, request: pb.SimulateRulesRequest, context: Context
    ) -> pb.SimulateRulesResponse:
        """What a document would have changed."""
        comparison, in_force = await queries.simulate_rules(
            self._database,
            self._desk,
            request.document,
            file_name=request.file_name or RULES_FILE,
            since=wire.since(request),
            leads_max=wire.leads_max(request),
        )
        return wire.simulation_response(comparison, version_in_force=in_force)

    async def PublishRules(
        self, request: pb.PublishRulesRequest, context: Context
    ) -> pb.PublishRulesResponse:
        """Puts rules into force."""
        wanted = commands.Publication(
            request.document,
            request.version,
            caller_id(),
            request.approval_id,
            request.file_name or RULES_FILE,
        )
        published = await commands.publish_rules(
            self._database, self._desk, self._approvals, wanted
        )
        self._wake_drain()
        return pb.PublishRulesResponse(version=published.version, is_repeated=published.is_repeated)

    async def ListRules(
        self, request: pb.ListRulesRequest, context: Context
    ) -> pb.ListRulesResponse:
        """Every version."""
        versions, in_force = await queries.list_rules(self._database)
        return wire.list_response(versions, version_in_force=in_force)

    async def GetRules(self, request: pb.GetRulesRequest, context: Context) -> pb.GetRulesResponse:
        """One version with its document."""
        kept, in_force = await queries.get_rules(self._database, request.version)
        return wire.get_response(kept, version_in_force=in_force)
