"""The raw limit of checks over gRPC: bare grpc.aio, answers that were made beforehand, nobody asked who calls.

`python -m bench.empty_checks PORT`. A stream echoes ids; a batch is answered with as many outcomes.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1 import permissions_service_pb2_grpc as rpc


class EchoServicer(rpc.PermissionsServiceServicer):
    """Answers at once, whatever is asked."""

    async def Check(  # noqa: N802 - gRPC's name
        self, request: pb.CheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.CheckResponse:
        """The empty answer."""
        return pb.CheckResponse()

    async def CheckStream(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.CheckStreamRequest], context: Any
    ) -> AsyncIterator[pb.CheckStreamResponse]:
        """The id."""
        async for request in request_iterator:
            yield pb.CheckStreamResponse(id=request.id)

    async def BatchCheck(  # noqa: N802 - gRPC's name
        self, request: pb.BatchCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.BatchCheckResponse:
        """The same outcome for each."""
        return pb.BatchCheckResponse(outcomes=[pb.OUTCOME_ALLOW] * len(request.resource_ids))


async def main() -> None:
    """Serves until killed."""
    server = grpc.aio.server()
    rpc.add_PermissionsServiceServicer_to_server(EchoServicer(), server)  # type: ignore[abstract]  # only these are called
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
