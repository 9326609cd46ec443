"""A running lead-intake, and people whose devices sync with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import sync_service_pb2 as pb
from leadchain.intake.v1.sync_service_pb2_grpc import SyncServiceStub
from servicekit.auth import mint_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass
class Device:
    """One person's device."""

    intake: Any
    stub: SyncServiceStub
    token: str
    client_id: str = "phone"

    async def call(self, rpc: str, request: Any) -> Any:
        """Calls the sync service."""
        metadata = (("authorization", f"Bearer {self.token}"),)
        return await getattr(self.stub, rpc)(request, metadata=metadata, timeout=20)

    async def push(self, *changes: pb.Change) -> list[pb.ChangeResult]:
        """Pushes changes; what became of each."""
        answer = await self.call("PushChanges", pb.PushChangesRequest(changes=changes))
        return list(answer.results)

    async def pull(self, cursor: str = "", page_size: int = 0) -> pb.PullChangesResponse:
        """Pulls a page."""
        request = pb.PullChangesRequest(cursor=cursor, page_size=page_size)
        answer: pb.PullChangesResponse = await self.call("PullChanges", request)
        return answer


def change(said: dict[str, Any] | None = None, *, after_s: float = 0, **named: Any) -> pb.Change:
    """A change of one visit; `after_s` is when it was made, `named` are fields of the message."""
    usual: dict[str, Any] = {
        "change_id": str(uuid4()),
        "client_id": "phone",
        "collection": "visit",
        "record_id": "visit-1",
        "fields": b"" if said is None else json.dumps(said, ensure_ascii=False).encode(),
        "is_deleted": said is None,
    }
    message = pb.Change(**{**usual, **named})
    message.modified_at.FromDatetime(NOW + timedelta(seconds=after_s))
    return message


@pytest_asyncio.fixture(loop_scope="module")
async def device_of(
    shared_intake: Any, lasting_keys: Any
) -> AsyncIterator[Callable[[str], Device]]:
    """Makes devices of this test's own people."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{shared_intake.grpc_port}") as channel:

        def device(person: str = "rep-01") -> Device:
            token = mint_token(
                lasting_keys.private, subject=f"{shared_intake.own}{person}", scopes=[],
                audience="leadchain", lifetime_s=600, now=datetime.now(UTC),
            )  # fmt: skip
            return Device(shared_intake, SyncServiceStub(channel), token)

        yield device


@pytest.fixture
def device(device_of: Callable[[str], Device]) -> Device:
    return device_of("rep-01")
