"""The RPCs of lead-intake. Accounts hold secrets and leads hold personal data: all of it is for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.intake.v1 import intake_service_pb2 as pb
from leadchain.intake.v1.intake_service_pb2_grpc import (
    IntakeServiceServicer,
    add_IntakeServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Forbidden

from lead_intake.accounts import Secrets
from lead_intake.commands import accounts, replays
from lead_intake.commands.accounts import NewAccount, Office
from lead_intake.commands.configuration_changes import Permit
from lead_intake.queries import configuration_changes as change_queries
from lead_intake.queries import leads as queries
from lead_intake.queries import quarantine as quarantine_queries
from lead_intake.wire import configuration_changes as change_wire
from lead_intake.wire import leads as wire
from lead_intake.wire import quarantine as quarantine_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from grpc.aio import ServicerContext
    from servicekit.auth import Caller
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    from lead_intake.clients import Approvals
    from lead_intake.commands.keeping import Desk

OPERATOR_SCOPE = "operator"


def serve(
    grpc: GrpcServer,
    database: Database,
    desk: Desk,
    approvals: Approvals,
    *,
    on_replay: Callable[[], None],
) -> None:
    """Registers the servicer; `on_replay` is called when items are to be mapped again."""
    office = Office(database, approvals, desk.accounts.catalogue, desk.seals)
    servicer = IntakeServicer(database, desk, office, on_replay)
    grpc.add(add_IntakeServiceServicer_to_server, servicer, "leadchain.intake.v1.IntakeService")


class IntakeServicer(IntakeServiceServicer):
    """Answers operators."""

    def __init__(
        self, database: Database, desk: Desk, office: Office, on_replay: Callable[[], None]
    ) -> None:
        self._database = database
        self._desk = desk
        self._office = office
        self._on_replay = on_replay

    async def PutAccount(
        self, request: pb.PutAccountRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutAccountResponse:
        """Creates, changes or reopens a channel account."""
        permit = _permit(request.approval_id)
        path = await accounts.put_account(self._office, _new_account(request), permit)
        await self._desk.accounts.refresh()
        return pb.PutAccountResponse(path=path)

    async def RemoveAccount(
        self, request: pb.RemoveAccountRequest, context: ServicerContext[Any, Any]
    ) -> pb.RemoveAccountResponse:
        """Closes a channel account."""
        permit = _permit(request.approval_id)
        closed_at = await accounts.remove_account(
            self._office, request.channel, request.account, permit
        )
        await self._desk.accounts.refresh()
        return change_wire.removed_response(closed_at)

    async def ListConfigurationChanges(
        self, request: pb.ListConfigurationChangesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListConfigurationChangesResponse:
        """What was changed, by whom, with whose approval."""
        _require_operator()
        page = await change_queries.list_changes(
            self._database,
            kind=request.kind,
            resource_id=request.resource_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return change_wire.changes_response(page)

    async def ListAccounts(
        self, request: pb.ListAccountsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListAccountsResponse:
        """Lists the accounts and their traffic."""
        _require_operator()
        return wire.accounts_response(await queries.list_accounts(self._database))

    async def GetLead(
        self, request: pb.GetLeadRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetLeadResponse:
        """One lead as it was accepted."""
        _require_operator()
        lead_id = queries.parsed_lead_id(request.lead_id)
        return wire.lead_response(await queries.get_lead(self._database, lead_id))

    async def ListQuarantined(
        self, request: pb.ListQuarantinedRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListQuarantinedResponse:
        """Items that could not be understood."""
        _require_operator()
        page = await quarantine_queries.list_quarantined(
            self._database,
            quarantine_wire.wanted(request.channel, request.account, request.reason),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return quarantine_wire.page_response(page)

    async def GetQuarantined(
        self, request: pb.GetQuarantinedRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetQuarantinedResponse:
        """One quarantined item, masked."""
        _require_operator()
        lead_id = queries.parsed_lead_id(request.lead_id)
        view = await quarantine_queries.get_quarantined(self._database, self._desk, lead_id)
        return quarantine_wire.view_response(view)

    async def ReplayQuarantined(
        self, request: pb.ReplayQuarantinedRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReplayQuarantinedResponse:
        """Maps quarantined items again."""
        _require_operator()
        choice = quarantine_wire.choice(
            request, self._desk.accounts.versions(), self._desk.accounts.fetching()
        )
        async with self._database.unit_of_work() as uow:
            replayed = await replays.replay(uow, choice)
        self._on_replay()
        return quarantine_wire.replayed_response(replayed)

    async def ReplayMatching(
        self, request: pb.ReplayMatchingRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.ReplayMatchingResponse]:
        """Maps any number of quarantined items again, part by part."""
        _require_operator()
        choice = quarantine_wire.choice(
            request, self._desk.accounts.versions(), self._desk.accounts.fetching()
        )
        async for told in replays.replay_in_parts(self._database, choice, on_part=self._on_replay):
            yield quarantine_wire.progress_response(told)


def _require_operator() -> Caller:
    caller = current_caller()
    if caller is None:
        raise Forbidden("operators only")
    caller.require(OPERATOR_SCOPE)
    return caller


def _permit(approval_id: str) -> Permit:
    return Permit(_require_operator().subject, approval_id)


def _new_account(request: pb.PutAccountRequest) -> NewAccount:
    secrets = Secrets(
        signing=tuple(request.secrets),
        verify_token=request.verify_token,
        access_token=request.access_token,
        encryption=tuple(request.encryption_keys),
        identity=dict(request.identity),
        public_keys=dict(request.public_keys),
        settings=dict(request.settings),
    )
    rps = request.rps if request.HasField("rps") else None
    return NewAccount(request.channel, request.account, secrets, request.template, rps)
