"""SessionsService, DevicesService and OffboardingService."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accesskit.facts import Entity
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import (
    SessionsServiceServicer,
    add_SessionsServiceServicer_to_server,
)

from permissions.commands import sessions as commands
from permissions.queries import sessions as queries
from permissions.queries.own import owner_or_permitted, permitted, user
from permissions.queries.rights import known_caller
from permissions.queries.spreading import in_force
from permissions.rpc import devices, offboarding
from permissions.wire import sessions as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]


def serve(chassis: Chassis, live: Live) -> None:
    """Answers the three services on the chassis' gRPC host."""
    chassis.grpc.add(
        add_SessionsServiceServicer_to_server,
        SessionsServicer(chassis.database, live),
        "leadchain.permissions.v1.SessionsService",
    )
    devices.serve(chassis, live)
    offboarding.serve(chassis, live)


class SessionsServicer(SessionsServiceServicer):
    """Who is signed in, and which keys programs have."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def OpenSession(
        self, request: pb.OpenSessionRequest, context: Context
    ) -> pb.OpenSessionResponse:
        """Opens a session of a principal."""
        actor = known_caller().subject
        session = await commands.open_session(self._database, wire.sign_in(request), actor=actor)
        return wire.open_session_response(session)

    async def Heartbeat(
        self, request: pb.HeartbeatRequest, context: Context
    ) -> pb.HeartbeatResponse:
        """Says that a session is in use, and asks whether it still may be."""
        session_id, address = request.session_id, request.address
        is_open = await commands.see_session(self._database, session_id, address=address)
        return pb.HeartbeatResponse(is_open=is_open)

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        """A principal's sessions, newest first."""
        whose = request.principal_id or known_caller().subject
        await owner_or_permitted(self._live, whose, "read", user(whose))
        page = await queries.list_sessions(
            self._database, whose, page_size=request.page_size, page_token=request.page_token
        )
        return wire.list_sessions_response(page)

    async def RevokeSessions(
        self, request: pb.RevokeSessionsRequest, context: Context
    ) -> pb.RevokeSessionsResponse:
        """Ends one session, or all of a principal and every token of theirs."""
        if request.session_id:
            revocation = await self._revoke_one(request.session_id)
        else:
            revocation = await self._revoke_all(request.principal_id)
        is_confirmed = await in_force(
            self._database, self._live, revocation.token, revision=revocation.revision
        )
        return wire.revoke_sessions_response(revocation, is_confirmed=is_confirmed)

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Context
    ) -> pb.CreateApiKeyResponse:
        """Makes a key by which a program proves to be a principal."""
        whose, days = request.principal_id, request.lifetime_days
        actor = await permitted(self._live, "create", Entity("key", whose))
        key, written = await commands.create_api_key(
            self._database, whose, lifetime_days=days, actor=actor
        )
        return wire.create_api_key_response(key, written)

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: Context
    ) -> pb.RevokeApiKeyResponse:
        """Ends an API key."""
        key_id = request.key_id
        owner_id = await queries.api_key_owner(self._database, key_id)
        actor = await owner_or_permitted(self._live, owner_id, "revoke", Entity("key", key_id))
        await commands.revoke_api_key(self._database, key_id, actor=actor)
        return pb.RevokeApiKeyResponse()

    async def VerifyApiKey(
        self, request: pb.VerifyApiKeyRequest, context: Context
    ) -> pb.VerifyApiKeyResponse:
        """Whom an API key proves."""
        now = datetime.fromtimestamp(self._live.now_s, UTC)
        key, principal = await queries.verify_api_key(self._database, request.api_key, now=now)
        return wire.verify_api_key_response(key, principal)

    async def _revoke_one(self, session_id: str) -> commands.Revocation:
        whose = await queries.session_owner(self._database, session_id)
        session = Entity("session", session_id)
        actor = await owner_or_permitted(self._live, whose, "revoke", session)
        return await commands.revoke_session(self._database, session_id, actor=actor)

    async def _revoke_all(self, principal_id: str) -> commands.Revocation:
        whose = principal_id or known_caller().subject
        actor = await owner_or_permitted(self._live, whose, "suspend", user(whose))
        return await commands.revoke_sessions_of(self._database, whose, actor=actor)
