"""`leadctl perm offboard` against a permissions that hangs up or refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import (
    OffboardingServiceServicer,
    add_OffboardingServiceServicer_to_server,
)
from leadctl.clients import NotAnswered, Services
from leadctl.perm.leaving import NotTold, end_access

REQUEST = pb.OffboardRequest(request_id="leave-ana-1", principal_id="ana", reason="resigned")


class Refusing(OffboardingServiceServicer):
    """Answers every request with one code, and keeps how long the caller would have waited."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code
        self.patience_s = 0.0

    async def Offboard(self, request: pb.OffboardRequest, context: Any) -> pb.OffboardResponse:
        """Refuses."""
        assert request == REQUEST
        self.patience_s = context.time_remaining()
        await context.abort(self.code, "no")


@asynccontextmanager
async def known(refusing: Refusing, folder: Path) -> AsyncIterator[Services]:
    (folder / "token").write_text("t")
    server = grpc.aio.server()
    add_OffboardingServiceServicer_to_server(refusing, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with Services({"permissions": f"127.0.0.1:{port}"}, folder / "token") as services:
            yield services
    finally:
        await server.stop(None)


async def test_who_was_not_told_the_outcome_learns_how_to_repeat_the_request(
    tmp_path: Path,
) -> None:
    refusing = Refusing(grpc.StatusCode.DEADLINE_EXCEEDED)

    async with known(refusing, tmp_path) as services:
        with pytest.raises(NotTold, match="repeat with --request-id leave-ana-1"):
            await end_access(services, REQUEST)

    assert refusing.patience_s > 50


async def test_a_refusal_is_told_as_it_is(tmp_path: Path) -> None:
    async with known(Refusing(grpc.StatusCode.PERMISSION_DENIED), tmp_path) as services:
        with pytest.raises(NotAnswered, match=r"refused: no$"):
            await end_access(services, REQUEST)
