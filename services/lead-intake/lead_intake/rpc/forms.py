"""FormsService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.intake.v1 import forms_service_pb2 as pb
from leadchain.intake.v1.forms_service_pb2_grpc import (
    FormsServiceServicer,
    add_FormsServiceServicer_to_server,
)

from lead_intake.commands import form_canaries
from lead_intake.commands import forms as commands
from lead_intake.forms import REFRESH_S
from lead_intake.queries import forms as queries
from lead_intake.wire import form_requests as requests
from lead_intake.wire import forms as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from lead_intake.clients import Approvals
    from lead_intake.forms import Forms
    from lead_intake.seals import Seals


def serve(chassis: Chassis, forms: Forms, seals: Seals, approvals: Approvals) -> None:
    """Answers FormsService on the chassis' gRPC host, keeps `forms` fresh, and settles canaries."""
    servicer = FormsServicer(chassis.database, forms, seals, approvals)
    chassis.grpc.add(
        add_FormsServiceServicer_to_server, servicer, "leadchain.intake.v1.FormsService"
    )
    chassis.work("forms refresh", forms.refresh, idle_s=REFRESH_S)
    settling = form_canaries.Canaries(chassis.database)
    chassis.work("form canaries", settling.step, idle_s=form_canaries.IDLE_S)


class FormsServicer(FormsServiceServicer):
    """Forms, for operators."""

    def __init__(
        self, database: Database, forms: Forms, seals: Seals, approvals: Approvals
    ) -> None:
        self._database = database
        self._forms = forms
        self._seals = seals
        self._approvals = approvals

    async def PutForm(
        self, request: pb.PutFormRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutFormResponse:
        """Creates a form for an account."""
        async with self._database.unit_of_work() as uow:
            path = await commands.put_form(
                uow,
                request.form,
                channel=request.channel,
                account=request.account,
                forms=self._forms,
                ring=self._seals.ring,
            )
        await self._forms.refresh()
        return pb.PutFormResponse(path=path)

    async def CheckForm(
        self, request: pb.CheckFormRequest, context: ServicerContext[Any, Any]
    ) -> pb.CheckFormResponse:
        """What a document would break."""
        report = await queries.check_form(
            self._database,
            self._seals,
            request.form,
            request.document,
            replay_max=request.replay_max,
        )
        return wire.check_response(report)

    async def PublishForm(
        self, request: pb.PublishFormRequest, context: ServicerContext[Any, Any]
    ) -> pb.PublishFormResponse:
        """Publishes the next version."""
        published = await commands.publish_form(
            self._database,
            self._approvals,
            requests.publication(request),
            requests.permit(request),
        )
        await self._forms.refresh()
        return pb.PublishFormResponse(version=published.version, is_canary=published.is_canary)

    async def ListForms(
        self, request: pb.ListFormsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListFormsResponse:
        """Every form and where it stands."""
        return wire.forms_response(await queries.list_forms(self._database))

    async def PromoteForm(
        self, request: pb.PromoteFormRequest, context: ServicerContext[Any, Any]
    ) -> pb.PromoteFormResponse:
        """Lets a canary judge everything."""
        await self._forms.refresh()
        async with self._database.unit_of_work() as uow:
            live = await form_canaries.promote(uow, request.form, request.version)
        await self._forms.refresh()
        return pb.PromoteFormResponse(live_version=live)

    async def RollBackForm(
        self, request: pb.RollBackFormRequest, context: ServicerContext[Any, Any]
    ) -> pb.RollBackFormResponse:
        """Takes a canary back."""
        await self._forms.refresh()
        async with self._database.unit_of_work() as uow:
            live = await form_canaries.roll_back(uow, request.form, request.version)
        await self._forms.refresh()
        return pb.RollBackFormResponse(live_version=live)

    async def SetFormGuard(
        self, request: pb.SetFormGuardRequest, context: ServicerContext[Any, Any]
    ) -> pb.SetFormGuardResponse:
        """Changes how posts are guarded."""
        old = await commands.set_guard(
            self._database, self._approvals, request.form, request.mode, requests.permit(request)
        )
        await self._forms.refresh()
        return pb.SetFormGuardResponse(old_mode=old.value)

    async def ExemptFormOrigin(
        self, request: pb.ExemptFormOriginRequest, context: ServicerContext[Any, Any]
    ) -> pb.ExemptFormOriginResponse:
        """Lets an origin's posts pass the guard."""
        await commands.exempt_origin(
            self._database, self._approvals, request.form, request.origin, requests.permit(request)
        )
        await self._forms.refresh()
        return pb.ExemptFormOriginResponse()

    async def ListFormCallers(
        self, request: pb.ListFormCallersRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListFormCallersResponse:
        """Whose posts the guard objected to."""
        since = requests.since(request)
        return wire.callers_response(
            await queries.list_callers(self._database, request.form, since=since)
        )
