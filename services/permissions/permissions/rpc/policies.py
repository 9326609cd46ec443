"""PoliciesService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1 import policies_service_pb2 as pb
from leadchain.permissions.v1.policies_service_pb2_grpc import (
    PoliciesServiceServicer,
    add_PoliciesServiceServicer_to_server,
)

from permissions.commands import policies as commands
from permissions.commands import publishing, shadowing
from permissions.queries import policies as queries
from permissions.queries.rights import known_caller
from permissions.wire import policies as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live


def serve(chassis: Chassis, live: Live) -> None:
    """Answers PoliciesService on the chassis' gRPC host, and counts what a shadow would answer otherwise."""
    servicer = PoliciesServicer(chassis.database, live)
    chassis.grpc.add(
        add_PoliciesServiceServicer_to_server, servicer, "leadchain.permissions.v1.PoliciesService"
    )
    book = shadowing.ShadowBook(chassis.database, live)
    live.on_decided.append(book.note)
    chassis.work("shadow book", book.write, idle_s=shadowing.IDLE_S)


class PoliciesServicer(PoliciesServiceServicer):
    """Versions of the policy: proposed, tried, published."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def ProposePolicy(
        self, request: pb.ProposePolicyRequest, context: ServicerContext[Any, Any]
    ) -> pb.ProposePolicyResponse:
        """Keeps a new version as a draft."""
        actor = known_caller().subject
        number = await commands.propose_policy(self._database, request.document, actor=actor)
        return pb.ProposePolicyResponse(version=number)

    async def GetPolicy(
        self, request: pb.GetPolicyRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetPolicyResponse:
        """One version, with its document."""
        version = await queries.get_policy(self._database, wire.number(request.version))
        return pb.GetPolicyResponse(policy=wire.policy_version(version))

    async def ListPolicies(
        self, request: pb.ListPoliciesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListPoliciesResponse:
        """Versions without their documents, newest first."""
        below = wire.number(request.before_version)
        found = await queries.list_policies(
            self._database, below=below, page_size=request.page_size
        )
        return pb.ListPoliciesResponse(policies=[wire.policy_version(each) for each in found])

    async def DryRun(
        self, request: pb.DryRunRequest, context: ServicerContext[Any, Any]
    ) -> pb.DryRunResponse:
        """Where a version and the live one disagree."""
        trial, actor = wire.trial(request), known_caller().subject
        comparison = await commands.dry_run(
            self._database, trial, actor=actor, now_s=self._live.now_s
        )
        return wire.dry_run_response(comparison)

    async def ShadowPolicy(
        self, request: pb.ShadowPolicyRequest, context: ServicerContext[Any, Any]
    ) -> pb.ShadowPolicyResponse:
        """Runs a version beside the live one."""
        recorded = await commands.shadow_policy(
            self._database, wire.number(request.version), actor=known_caller().subject
        )
        return pb.ShadowPolicyResponse(token=recorded.token)

    async def ListDisagreements(
        self, request: pb.ListDisagreementsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListDisagreementsResponse:
        """How a shadow would have answered otherwise."""
        page = await queries.list_disagreements(
            self._database, wire.number(request.version), page_size=request.page_size
        )
        return wire.disagreements_response(page)

    async def PublishPolicy(
        self, request: pb.PublishPolicyRequest, context: ServicerContext[Any, Any]
    ) -> pb.PublishPolicyResponse:
        """Makes a version the live one."""
        published = await publishing.publish_policy(
            self._database, self._live, wire.publication(request), caller=known_caller()
        )
        return pb.PublishPolicyResponse(token=self._live.token_at(published.seq))

    async def RollBack(
        self, request: pb.RollBackRequest, context: ServicerContext[Any, Any]
    ) -> pb.RollBackResponse:
        """Makes a version live that was live before."""
        published = await publishing.roll_back(
            self._database, self._live, wire.return_to(request), caller=known_caller()
        )
        token = self._live.token_at(published.seq)
        return pb.RollBackResponse(token=token, version=published.number)
