"""A lead-intake whose configuration changes by approval only, and clients of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio
from accesskit.changes import PolicyPut
from accesskit.testing.stand_in import APPROVED
from leadchain.intake.v1 import mappings_service_pb2 as pb
from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
def grpc_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    return unused_tcp_port_factory()


@pytest.fixture
async def intake(start_intake: Any, grpc_port: int) -> AsyncIterator[Any]:
    async with start_intake(grpc_port=grpc_port) as running:
        yield running


@pytest.fixture
async def strict(intake: Any, permissions: Any) -> Any:
    """The same service; since its first accounts were made, permissions wants approvals."""
    await permissions.apply([PolicyPut(2, APPROVED, "live")])
    return intake


class Mapper:
    """MappingsService as somebody with the right to edit mappings asks it."""

    def __init__(self, stub: Any, metadata: Any, *, account: str = "main") -> None:
        self._stub = stub
        self._metadata = metadata
        self._account = account

    async def check(self, document: str, **named: Any) -> pb.MappingCheck:
        """The result of a trial on the form's account."""
        request = pb.CheckMappingRequest(
            channel="website_form", account=self._account, document=document, **named
        )
        told = [each async for each in self._stub.CheckMapping(request, metadata=self._metadata)]
        assert told[-1].checked_count == told[-1].total_count
        return told[-1].result

    async def publish(self, document: str = "", **named: Any) -> pb.PublishMappingResponse:
        """Publishes for the form's account."""
        request = pb.PublishMappingRequest(
            channel="website_form", account=self._account, document=document, **named
        )
        response: pb.PublishMappingResponse = await self._stub.PublishMapping(
            request, metadata=self._metadata
        )
        return response

    async def ask(self, method: str, request: Any) -> Any:
        """Any other question."""
        return await getattr(self._stub, method)(request, metadata=self._metadata)


@asynccontextmanager
async def mapping(port: int, token: str, *, account: str = "main") -> AsyncIterator[Mapper]:
    """A client of MappingsService for an account of the form."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        bearer = (("authorization", f"Bearer {token}"),)
        yield Mapper(MappingsServiceStub(channel), bearer, account=account)


@pytest.fixture
async def mapper(intake: Any, keys: Any) -> AsyncIterator[Mapper]:
    async with mapping(intake.grpc_port, keys.token("operator")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def shared_mapper(shared_intake: Any, lasting_keys: Any) -> AsyncIterator[Mapper]:
    """The same for this test's own account at the module's lead-intake."""
    token, account = lasting_keys.token("operator"), f"{shared_intake.own}main"
    async with mapping(shared_intake.grpc_port, token, account=account) as found:
        yield found
