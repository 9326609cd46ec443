"""A running lead-intake, its privacy service, and the other services' answers as they come over the bus."""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc
import nats
import pytest
import pytest_asyncio
from lead_intake.commands.subjects import SETTLE
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.events import OutgoingEvent, headers_of, new_id, subject_of
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.aio.client import Client

ASKED = ("identity", "assignment", "engagement", "notification", "reporting", "permissions")
PHONE = "13800138004"


@dataclass
class Rights:
    """lead-intake as an operator and as the other services see it."""

    intake: Any
    stub: PrivacyServiceStub
    bus: Client | None
    token: Callable[..., str]

    async def call(self, rpc: str, request: Any, *, scopes: tuple[str, ...] = ("operator",)) -> Any:
        """Calls the privacy service."""
        metadata = (("authorization", f"Bearer {self.token(*scopes)}"),)
        return await getattr(self.stub, rpc)(request, metadata=metadata, timeout=20)

    async def post(self, **fields: Any) -> str:
        """Posts a form; the lead's id once it is settled."""
        lead_id = await self.intake.accepted_form(form(**fields))
        await self.settled(lead_id)
        return str(lead_id)

    async def settled(self, lead_id: str) -> None:
        """Waits until the lead is mapped and its events have left."""

        async def is_settled() -> bool:
            return bool(
                await self.intake.rows.fetchval(
                    """select exists (select from items where lead_id = $1 and state not in (1, 5))
                    and not exists (select from outbox where published_at is null)""",
                    lead_id,
                )
            )

        await eventually(is_settled, deadline_s=20, what="the lead is settled")

    async def erase(self, **subject: str) -> str:
        """Has somebody forgotten; the request's id, once the services are asked."""
        request = pb.RequestErasureRequest(subject=pb.Subject(**subject), reason="DSR-1")
        return await self.asked((await self.call("RequestErasure", request)).request_id)

    async def export(self, **subject: str) -> str:
        """Has what is kept about somebody gathered; the request's id, once the services are asked."""
        request = pb.RequestExportRequest(subject=pb.Subject(**subject), reason="DSR-2")
        return await self.asked((await self.call("RequestExport", request)).request_id)

    async def asked(self, request_id: str) -> str:
        """Waits until the services are asked; the request is made older than it has to be for that."""
        await self.intake.rows.execute(
            "update subject_requests set requested_at = requested_at - $2::interval "
            "where request_id = $1 and state = 1",
            UUID(request_id),
            SETTLE,
        )

        async def is_asked() -> bool:
            found = await self.request(request_id)
            return found.request.state != pb.SUBJECT_REQUEST_STATE_RECEIVED

        await eventually(is_asked, deadline_s=20, what="the services are asked")
        return request_id

    async def request(self, request_id: str) -> pb.GetSubjectRequestResponse:
        """A request as it stands."""
        request = pb.GetSubjectRequestRequest(request_id=request_id)
        answer: pb.GetSubjectRequestResponse = await self.call("GetSubjectRequest", request)
        return answer

    async def completed(self, request_id: str) -> pb.GetSubjectRequestResponse:
        """A request, once everybody has answered."""

        async def is_completed() -> pb.GetSubjectRequestResponse | None:
            found = await self.request(request_id)
            is_over = found.request.state == pb.SUBJECT_REQUEST_STATE_COMPLETED
            return found if is_over else None

        found = await eventually(is_completed, deadline_s=20, what="the request is completed")
        assert found is not None
        return found

    async def states(self, kind: Any) -> list[Any]:
        """What lead-intake has stated of one kind."""
        rows = await self.intake.rows.fetch(
            "select payload from outbox where event_type = $1 order by id",
            kind.DESCRIPTOR.full_name,
        )
        return [kind.FromString(row[0]) for row in rows]

    async def suppress(self, purpose: int = pb.SUPPRESSION_PURPOSE_ALL, **subject: str) -> int:
        """Puts somebody on the list; how many entries are new."""
        request = pb.SuppressRequest(
            subjects=[pb.Subject(**subject)], purpose=purpose, reason="DSR-3"
        )
        return int((await self.call("Suppress", request)).added_count)

    async def answer(self, request_id: str, *services: str, **named: Any) -> None:
        """Services answer an erasure."""
        for service in services:
            await self.publish(service, f"SubjectErasedIn{service.capitalize()}", request_id, named)

    async def tell(self, request_id: str, *services: str, **named: Any) -> None:
        """Services answer an export, in one part unless `named` says otherwise."""
        usual = {"part": 1, "part_count": 1, "records": b"[]", **named}
        for service in services:
            kind = f"SubjectExportedFrom{service.capitalize()}"
            await self.publish(service, kind, request_id, usual)

    async def publish(
        self, service: str, kind: str, request_id: str, named: dict[str, Any]
    ) -> None:
        """A service states something."""
        module = importlib.import_module(f"leadchain.{service}.v1.privacy_events_pb2")
        event = getattr(module, kind)(event_id=new_id(), request_id=request_id, **named)
        event.occurred_at.FromDatetime(datetime.now(UTC))
        name = event.DESCRIPTOR.full_name
        payload, now = event.SerializeToString(), datetime.now(UTC)
        outgoing = OutgoingEvent(event.event_id, name, request_id, payload, now, None)
        headers = headers_of(outgoing, source=service)
        assert self.bus is not None
        await self.bus.jetstream().publish(subject_of(name, request_id), payload, headers=headers)


def form(**fields: Any) -> dict[str, Any]:
    """The body of a form with a consent, as our own page sends it."""
    consent = {"checked_at": "2026-01-25T13:30:00+08:00", "notice_version": "2026-01"}
    return {
        "fields": {"name": "赵六", "mobile": PHONE, "company": "示例精密制造有限公司", **fields},
        "first_action": "book_demo",
        "consent": consent,
        "hp": "",
    }


@pytest.fixture
def start_rights(
    start_intake: Any, nats_url: str, keys: Any, unused_tcp_port_factory: Callable[[], int]
) -> Any:
    """Starts a lead-intake; twice on the same database where a test wants a restart."""

    @asynccontextmanager
    async def start(**named: Any) -> AsyncIterator[Rights]:
        port = unused_tcp_port_factory()
        bus = await nats.connect(nats_url)
        try:
            async with (
                start_intake(grpc_port=port, **named) as intake,
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                yield Rights(intake, PrivacyServiceStub(channel), bus, keys.token)
        finally:
            await bus.close()

    return start


@pytest.fixture
async def rights(start_rights: Any) -> AsyncIterator[Rights]:
    async with start_rights() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def shared_rights(shared_intake: Any, lasting_keys: Any) -> AsyncIterator[Rights]:
    """The module's lead-intake as an operator sees it, with accounts of this test's own; no other service answers."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{shared_intake.grpc_port}") as channel:
        yield Rights(shared_intake, PrivacyServiceStub(channel), None, lasting_keys.token)


@pytest.fixture
def asked_services() -> tuple[str, ...]:
    return ASKED
