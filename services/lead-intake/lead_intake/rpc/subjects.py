"""The RPCs about people's rights, and what serves them in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.privacy_service_pb2_grpc import (
    PrivacyServiceServicer,
    add_PrivacyServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Forbidden

from lead_intake.commands import consents, subjects, suppressions
from lead_intake.commands.retention import OWN_PURGES
from lead_intake.commands.subjects_admission import People
from lead_intake.domain.subjects import NewRequest, RequestKind
from lead_intake.domain.suppressions import NewSuppression
from lead_intake.policies.retention import load_retention_policy
from lead_intake.queries import subjects as queries
from lead_intake.queries.suppressions import REFRESH_S, Suppressions
from lead_intake.wire import subjects_calls as wire
from lead_intake.workers.retention import (
    REQUESTS_IDLE_S,
    RETENTION_IDLE_S,
    Retention,
    SubjectRequests,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database, UnitOfWork

    from lead_intake.domain.subjects import Point, RequestId
    from lead_intake.seals import Seals

OPERATOR_SCOPE = "operator"


def serve(chassis: Chassis, seals: Seals) -> People:
    """Registers the servicer and the workers; returns whom the keeping of items asks."""
    database = chassis.database
    listed = Suppressions(database)
    chassis.workers.append(listed)
    chassis.work("suppressions refresh", listed.refresh, idle_s=REFRESH_S)
    requests = SubjectRequests(database, seals, settle=subjects.SETTLE)
    poller = chassis.work("subject requests", requests.step, idle_s=REQUESTS_IDLE_S)
    keeper = Retention(database, load_retention_policy(), OWN_PURGES, seals)
    chassis.work("retention", keeper.step, idle_s=RETENTION_IDLE_S)
    servicer = PrivacyServicer(database, seals, listed, on_request=poller.wake)
    chassis.grpc.add(
        add_PrivacyServiceServicer_to_server, servicer, "leadchain.intake.v1.PrivacyService"
    )
    return People(listed, seals)


class PrivacyServicer(PrivacyServiceServicer):
    """Answers operators. `on_request` is called when a request about a person was taken."""

    def __init__(
        self,
        database: Database,
        seals: Seals,
        listed: Suppressions,
        *,
        on_request: Callable[[], None],
    ) -> None:
        self._database = database
        self._seals = seals
        self._listed = listed
        self._on_request = on_request

    async def ListConsents(
        self, request: pb.ListConsentsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListConsentsResponse:
        """What one person agreed to and withdrew."""
        _operator()
        async with self._database.unit_of_work() as uow:
            points, _ = await self._named(uow, request.subject)
        return wire.consents_response(await queries.list_consents(self._database, points))

    async def WithdrawConsent(
        self, request: pb.WithdrawConsentRequest, context: ServicerContext[Any, Any]
    ) -> pb.WithdrawConsentResponse:
        """Writes down a withdrawal."""
        by = _operator()
        async with self._database.unit_of_work() as uow:
            points, _ = await self._named(uow, request.subject)
            ended = await consents.withdraw(uow, points, request.purposes, by=by)
        return pb.WithdrawConsentResponse(ended_count=ended)

    async def Suppress(
        self, request: pb.SuppressRequest, context: ServicerContext[Any, Any]
    ) -> pb.SuppressResponse:
        """Leaves people alone."""
        by = _operator()
        async with self._database.unit_of_work() as uow:
            added = await suppressions.suppress(uow, await self._entry(uow, request, by))
        await self._listed.refresh()
        return pb.SuppressResponse(added_count=added)

    async def Unsuppress(
        self, request: pb.UnsuppressRequest, context: ServicerContext[Any, Any]
    ) -> pb.UnsuppressResponse:
        """Takes people off the list."""
        by = _operator()
        async with self._database.unit_of_work() as uow:
            lifted = await suppressions.unsuppress(uow, await self._entry(uow, request, by))
        await self._listed.refresh()
        return pb.UnsuppressResponse(lifted_count=lifted)

    async def ListSuppressions(
        self, request: pb.ListSuppressionsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListSuppressionsResponse:
        """The suppression list."""
        _operator()
        page = await queries.list_suppressions(
            self._database, page_size=request.page_size, page_token=request.page_token
        )
        return wire.suppressions_response(page.entries, page.next_page_token)

    async def RequestErasure(
        self, request: pb.RequestErasureRequest, context: ServicerContext[Any, Any]
    ) -> pb.RequestErasureResponse:
        """Has a person forgotten."""
        request_id = await self._take(request, RequestKind.ERASURE)
        await self._listed.refresh()
        return pb.RequestErasureResponse(request_id=str(request_id))

    async def RequestExport(
        self, request: pb.RequestExportRequest, context: ServicerContext[Any, Any]
    ) -> pb.RequestExportResponse:
        """Has what is kept about a person gathered."""
        request_id = await self._take(request, RequestKind.EXPORT)
        return pb.RequestExportResponse(request_id=str(request_id))

    async def GetSubjectRequest(
        self, request: pb.GetSubjectRequestRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetSubjectRequestResponse:
        """How far a request has come."""
        _operator()
        request_id = subjects.request_id_of(request.request_id)
        return wire.request_response(*await queries.get_request(self._database, request_id))

    async def ListSubjectRequests(
        self, request: pb.ListSubjectRequestsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListSubjectRequestsResponse:
        """The newest requests."""
        _operator()
        found = await queries.list_requests(self._database, page_size=request.page_size)
        return pb.ListSubjectRequestsResponse(requests=map(wire.request_message, found))

    async def DownloadExport(
        self, request: pb.DownloadExportRequest, context: ServicerContext[Any, Any]
    ) -> pb.DownloadExportResponse:
        """A completed export, once."""
        requester = _operator()
        request_id = subjects.request_id_of(request.request_id)
        async with self._database.unit_of_work() as uow:
            document = await subjects.download(
                uow, request_id, requester=requester, seals=self._seals
            )
        return pb.DownloadExportResponse(document=document)

    async def ListCertificates(
        self, request: pb.ListCertificatesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListCertificatesResponse:
        """Certificates of what was deleted."""
        _operator()
        page = await queries.list_certificates(
            self._database, page_size=request.page_size, page_token=request.page_token
        )
        return wire.certificates_response(page.certificates, page.next_page_token)

    async def _take(
        self, request: pb.RequestErasureRequest | pb.RequestExportRequest, kind: RequestKind
    ) -> RequestId:
        by = _operator()
        request_id = subjects.request_id_of(request.request_id)
        async with self._database.unit_of_work() as uow:
            points, lead_id = await self._named(uow, request.subject)
            new = NewRequest(request_id, kind, points, lead_id, by, request.reason)
            await subjects.take_request(uow, new)
        self._on_request()
        return request_id

    async def _entry(
        self, uow: UnitOfWork, request: pb.SuppressRequest | pb.UnsuppressRequest, by: str
    ) -> NewSuppression:
        points: list[Point] = []
        for subject in request.subjects[: suppressions.POINTS_MAX + 1]:
            points += (await self._named(uow, subject))[0]
        return NewSuppression(tuple(points), wire.purpose(request.purpose), request.reason, by)

    async def _named(
        self, uow: UnitOfWork, subject: pb.Subject
    ) -> tuple[tuple[Point, ...], UUID | None]:
        """How a request names its person, and the lead where it names one; raises `Invalid` or `NotFound`."""
        named = wire.named_point(subject, self._seals)
        if isinstance(named, UUID):
            return await subjects.points_of_lead(uow, named), named
        return (named,), None


def _operator() -> str:
    """Who is calling; raises `Forbidden` for anybody but an operator."""
    caller = current_caller()
    if caller is None:
        raise Forbidden("operators only")
    caller.require(OPERATOR_SCOPE)
    return caller.subject
