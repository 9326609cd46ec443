"""ExplanationService: why, why not, how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1.explanation_service_pb2_grpc import (
    ExplanationServiceServicer,
    add_ExplanationServiceServicer_to_server,
)

from identity.queries.comparing import Comparer
from identity.queries.explaining import Explainer
from identity.wire import explanations as wire
from identity.wire.customers import customer_id
from identity.wire.references import reference

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.identity.v1 import explanation_service_pb2 as pb
    from matchkit.model import Model
    from servicekit.chassis import Chassis

    from identity.seals import Digests, Seals

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.ExplanationService"


def serve(chassis: Chassis, model: Model, seals: Seals, digests: Digests) -> None:
    """Answers ExplanationService on the chassis' gRPC host."""
    comparer = Comparer(model, digests.hasher, seals)
    explainer = Explainer(chassis.database, comparer, seals, digests)
    chassis.grpc.add(
        add_ExplanationServiceServicer_to_server, ExplanationServicer(explainer), SERVICE
    )


class ExplanationServicer(ExplanationServiceServicer):
    """Why is it so?"""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def Why(self, request: pb.WhyRequest, context: Context) -> pb.WhyResponse:
        """The evidence between two records."""
        found = await self._explainer.why(reference(request.a), reference(request.b))
        return wire.why_response(found)

    async def WhyNot(self, request: pb.WhyNotRequest, context: Context) -> pb.WhyNotResponse:
        """What keeps two records apart."""
        found = await self._explainer.why_not(reference(request.a), reference(request.b))
        return wire.why_not_response(found)

    async def How(self, request: pb.HowRequest, context: Context) -> pb.HowResponse:
        """How a customer came to be."""
        return wire.how_response(await self._explainer.how(customer_id(request.customer_id)))
