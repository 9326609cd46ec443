"""LeasesService: who owns a resource, for how long, and how it passes to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from leadchain.permissions.v1 import leases_service_pb2 as pb
from leadchain.permissions.v1.leases_service_pb2_grpc import (
    LeasesServiceServicer,
    add_LeasesServiceServicer_to_server,
)

from permissions.commands import claims, follow_ups, lease_clocks
from permissions.commands.approvals import Use
from permissions.commands.claims import Claims
from permissions.commands.lease_clocks import Ask
from permissions.commands.sweeping import LeaseImport, Sweep
from permissions.domain.approvers import SecondFactor
from permissions.domain.lease_rules import check_claimed_here
from permissions.queries import leases as queries
from permissions.wire import lease_calls as wire

if TYPE_CHECKING:
    from accesskit.facts import Entity
    from grpc.aio import ServicerContext
    from leadchain.permissions.v1 import changes_pb2
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.permissions.v1.LeasesService"
SWEEP_IDLE_S = 5.0


def serve(chassis: Chassis, live: Live) -> None:
    """Answers LeasesService on the chassis' gRPC host, and sweeps what is due every five seconds."""
    servicer = LeasesServicer(chassis.database, live)
    chassis.grpc.add(add_LeasesServiceServicer_to_server, servicer, SERVICE)
    chassis.workers.append(LeaseImport(chassis.database))
    chassis.work("lease_sweep", Sweep(chassis.database, live).step, idle_s=SWEEP_IDLE_S)


class LeasesServicer(LeasesServiceServicer):
    """Who owns it, and may somebody else have it?"""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._claims = Claims(database)

    async def ReportTouches(
        self, request: pb.ReportTouchesRequest, context: Context
    ) -> pb.ReportTouchesResponse:
        """Counts effective follow-ups."""
        touches = wire.touches(request)
        asker = await queries.asker(self._live, "")
        resources = [touch.resource for touch in touches]
        await queries.permit(self._live, asker, "report_follow_up", resources)
        terms = queries.terms_of(self._live)
        reported = await follow_ups.report_touches(self._database, touches, terms, actor=asker.id)
        return wire.report_touches_response(reported)

    async def ClaimLease(
        self, request: pb.ClaimLeaseRequest, context: Context
    ) -> pb.ClaimLeaseResponse:
        """Takes a resource from the pool."""
        check_claimed_here(request.resource.type)
        asker, resource = await self._named(request)
        ask = Ask(resource, asker.id, queries.terms_of(self._live), request.version)
        if not await self._claims.is_done(ask, now_s=self._live.now_s):
            await queries.permit(self._live, asker, "claim", [resource])
        lease, token = wire.changed(await self._claims.claim(ask))
        return pb.ClaimLeaseResponse(lease=lease, token=token)

    async def HandOver(self, request: pb.HandOverRequest, context: Context) -> pb.HandOverResponse:
        """Gives resources of one owner to another."""
        asker = await queries.asker(self._live, request.actor_id)
        wanted = wire.hand_over(request, actor=asker.id)
        await queries.permit(self._live, asker, "hand_over", wanted.resources)
        terms = queries.terms_of(self._live)
        return wire.hand_over_response(await claims.hand_over(self._database, wanted, terms))

    async def ReleaseLease(
        self, request: pb.ReleaseLeaseRequest, context: Context
    ) -> pb.ReleaseLeaseResponse:
        """Gives a resource up to the pool."""
        ask = await self._permitted(request, "release", version=request.version)
        lease, token = wire.changed(await claims.release(self._database, ask))
        return pb.ReleaseLeaseResponse(lease=lease, token=token)

    async def UnlockLease(
        self, request: pb.UnlockLeaseRequest, context: Context
    ) -> pb.UnlockLeaseResponse:
        """Lets the owner work again."""
        asker, resource = await self._named(request)
        asked = queries.Asked(asker, "unlock", resource)
        using = await self._use(asked, request.approval_id, {"version": request.version})
        terms, reason = queries.terms_of(self._live), wire.code(request.reason)
        ask = Ask(resource, asker.id, terms, request.version, reason)
        done = await lease_clocks.unlock(self._database, self._live, ask, using)
        lease, token = wire.changed(done)
        return pb.UnlockLeaseResponse(lease=lease, token=token)

    async def ProtectLease(
        self, request: pb.ProtectLeaseRequest, context: Context
    ) -> pb.ProtectLeaseResponse:
        """Stops the clock for some days."""
        days = wire.days(request)
        ask = await self._permitted(request, "protect", version=request.version)
        lease, token = wire.changed(await lease_clocks.protect(self._database, ask, days=days))
        return pb.ProtectLeaseResponse(lease=lease, token=token)

    async def ExemptLease(
        self, request: pb.ExemptLeaseRequest, context: Context
    ) -> pb.ExemptLeaseResponse:
        """Stops the clock."""
        ask = await self._asked_by_caller(request.resource, request.reason)
        lease, token = wire.changed(await lease_clocks.exempt(self._database, ask))
        return pb.ExemptLeaseResponse(lease=lease, token=token)

    async def EndExemption(
        self, request: pb.EndExemptionRequest, context: Context
    ) -> pb.EndExemptionResponse:
        """Lets the clock run again."""
        ask = await self._asked_by_caller(request.resource, request.reason)
        lease, token = wire.changed(await lease_clocks.end_exemption(self._database, ask))
        return pb.EndExemptionResponse(lease=lease, token=token)

    async def GetLease(self, request: pb.GetLeaseRequest, context: Context) -> pb.GetLeaseResponse:
        """A lease and its history."""
        asker, resource = await self._named(request)
        story = await queries.get_lease(self._database, self._live, asker, resource)
        return wire.get_lease_response(story)

    async def ListLeases(
        self, request: pb.ListLeasesRequest, context: Context
    ) -> pb.ListLeasesResponse:
        """A page of leases."""
        asker = await queries.asker(self._live, request.actor_id)
        wanted = wire.wanted(request)
        page = await queries.list_leases(self._database, self._live, asker, wanted)
        return wire.list_leases_response(page)

    async def PreviewLeases(
        self, request: pb.PreviewLeasesRequest, context: Context
    ) -> pb.PreviewLeasesResponse:
        """What other terms would mean."""
        candidate = wire.candidate(request, queries.terms_of(self._live))
        counts = await queries.preview_leases(self._database, self._live, candidate)
        return wire.preview_response(counts)

    async def _named(self, request: _Named) -> tuple[queries.Asker, Entity]:
        """Who asks, and about what."""
        return await queries.asker(self._live, request.actor_id), wire.entity(request.resource)

    async def _use(
        self, asked: queries.Asked, approval_id: str, params: dict[str, object]
    ) -> Use | None:
        """The use of an approval that is needed; None when what is asked needs none."""
        question = await queries.permit_approved(
            self._live, asked, approval_id=approval_id, params=params
        )
        if question is None:
            return None
        caller = asked.asker.caller
        proof = SecondFactor(caller.amr, caller.auth_time)
        return Use(question, key=question.params_hash, executor_id=caller.subject, proof=proof)

    async def _permitted(self, request: _Named, action: str, *, version: int) -> Ask:
        """What is asked of one lease, once it is known that the asker may."""
        asker, resource = await self._named(request)
        await queries.permit(self._live, asker, action, [resource])
        return Ask(resource, asker.id, queries.terms_of(self._live), version)

    async def _asked_by_caller(self, resource: changes_pb2.Entity, reason: str) -> Ask:
        """What a caller asks whom the host's guard has let in."""
        asker = await queries.asker(self._live, "")
        terms = queries.terms_of(self._live)
        return Ask(wire.entity(resource), asker.id, terms, reason=wire.code(reason))


class _Named(Protocol):
    """A request about one resource, by the caller or by somebody for whom they act."""

    @property
    def resource(self) -> changes_pb2.Entity:
        """What it is about."""

    @property
    def actor_id(self) -> str:
        """For whom; empty when the caller acts for itself."""
