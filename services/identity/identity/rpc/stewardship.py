"""StewardshipService: what stewards decide about who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import stewardship_service_pb2 as pb
from leadchain.identity.v1.stewardship_service_pb2_grpc import (
    StewardshipServiceServicer,
    add_StewardshipServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Unauthenticated

from identity.commands.stewardship import Stewardship
from identity.domain.judgements import Verdict
from identity.domain.references import RecordNamed
from identity.queries import stewardship as queries
from identity.wire import stewardship as wire
from identity.wire.customers import customer_id
from identity.wire.references import reference, stored_id
from identity.workers import steward_acts
from identity.workers.steward_acts import StewardActs

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.commands.resolving import Resolver
    from identity.domain.stewardship import Act

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.StewardshipService"


def serve(chassis: Chassis, resolver: Resolver) -> None:
    """Answers StewardshipService on the chassis' gRPC host, and forgets old requests' keys."""
    servicer = StewardshipServicer(chassis.database, resolver)
    chassis.grpc.add(add_StewardshipServiceServicer_to_server, servicer, SERVICE)
    step = StewardActs(chassis.database).step
    chassis.work("steward_acts", step, idle_s=steward_acts.IDLE_S)


class StewardshipServicer(StewardshipServiceServicer):
    """Who is who, by a person's word?"""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self._stewardship = Stewardship(database, resolver)
        self._database = database
        self._seals = resolver.seals
        self._hasher = resolver.digests.hasher

    async def Merge(self, request: pb.MergeRequest, context: Context) -> pb.MergeResponse:
        """Makes customers one."""
        done = await self._stewardship.merge(self._act(request), wire.merged(request))
        return pb.MergeResponse(outcome=wire.outcome(done))

    async def Split(self, request: pb.SplitRequest, context: Context) -> pb.SplitResponse:
        """Parts a customer."""
        customer = customer_id(request.customer_id)
        done = await self._stewardship.split(self._act(request), customer, wire.leaving(request))
        return pb.SplitResponse(outcome=wire.outcome(done))

    async def MarkNever(
        self, request: pb.MarkNeverRequest, context: Context
    ) -> pb.MarkNeverResponse:
        """Two records are never of one customer."""
        a, b = reference(request.a), reference(request.b)
        done = await self._stewardship.mark(self._act(request), a, b, Verdict.NEVER)
        return pb.MarkNeverResponse(outcome=wire.outcome(done))

    async def MarkMust(self, request: pb.MarkMustRequest, context: Context) -> pb.MarkMustResponse:
        """Two records are always of one customer."""
        a, b = reference(request.a), reference(request.b)
        done = await self._stewardship.mark(self._act(request), a, b, Verdict.MUST)
        return pb.MarkMustResponse(outcome=wire.outcome(done))

    async def RevokeJudgement(
        self, request: pb.RevokeJudgementRequest, context: Context
    ) -> pb.RevokeJudgementResponse:
        """Takes a judgement back."""
        judgement_id = stored_id(request.judgement_id, "judgement_id")
        done = await self._stewardship.revoke(self._act(request), judgement_id)
        return pb.RevokeJudgementResponse(outcome=wire.outcome(done))

    async def ListJudgements(
        self, request: pb.ListJudgementsRequest, context: Context
    ) -> pb.ListJudgementsResponse:
        """A page of judgements."""
        page = await queries.list_judgements(
            self._database,
            customer_id(request.customer_id) if request.customer_id else "",
            include_revoked=request.include_revoked,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.judgements_response(page)

    async def ListReviews(
        self, request: pb.ListReviewsRequest, context: Context
    ) -> pb.ListReviewsResponse:
        """A page of pairs that wait."""
        page = await queries.list_reviews(
            self._database,
            self._seals,
            customer_id(request.customer_id) if request.customer_id else "",
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.reviews_response(page)

    async def DecideReview(
        self, request: pb.DecideReviewRequest, context: Context
    ) -> pb.DecideReviewResponse:
        """Answers a pair that waits."""
        a, b = (RecordNamed(stored_id(each, "a, b")) for each in (request.a, request.b))
        decision = wire.verdict(request)
        done = await self._stewardship.decide(self._act(request), a, b, decision)
        return pb.DecideReviewResponse(outcome=wire.outcome(done))

    async def ListRegroupings(
        self, request: pb.ListRegroupingsRequest, context: Context
    ) -> pb.ListRegroupingsResponse:
        """A page of the log."""
        page = await queries.list_regroupings(
            self._database,
            customer_id(request.customer_id),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.regroupings_response(page)

    async def Restore(self, request: pb.RestoreRequest, context: Context) -> pb.RestoreResponse:
        """Goes back to an earlier state."""
        customer = customer_id(request.customer_id)
        regrouping_id = stored_id(request.regrouping_id, "regrouping_id")
        done = await self._stewardship.restore(
            self._act(request), customer, regrouping_id, is_before=request.is_before
        )
        return pb.RestoreResponse(outcome=wire.outcome(done))

    async def ListGenericKeys(
        self, request: pb.ListGenericKeysRequest, context: Context
    ) -> pb.ListGenericKeysResponse:
        """A page of keys that say nothing."""
        page = await queries.list_generic_keys(
            self._database, page_size=request.page_size, page_token=request.page_token
        )
        return wire.generic_keys_response(page)

    async def SetGenericKey(
        self, request: pb.SetGenericKeyRequest, context: Context
    ) -> pb.SetGenericKeyResponse:
        """Declares a key worthless, or of worth again."""
        act = self._act(request)
        if request.WhichOneof("named") == "key":
            key = request.key
        else:
            key = self._stewardship.key_of(*wire.named_value(request))
        done = await self._stewardship.set_generic(act, key, is_generic=request.is_generic)
        return pb.SetGenericKeyResponse(outcome=wire.outcome(done))

    def _act(self, request: wire.Asked) -> Act:
        caller = current_caller()
        if caller is None:
            raise Unauthenticated("missing")
        return wire.act(request, actor=caller.subject, hasher=self._hasher)
