"""The raw limit of an RPC: grpc.aio with a servicer that answers the empty message, and nothing around it.

`python -m bench.empty_servicer PORT`.
"""

import asyncio
import sys
from typing import Any

import grpc
import uvloop
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1 import permissions_service_pb2_grpc as rpc


class EmptyServicer(rpc.PermissionsServiceServicer):
    """Answers at once."""

    async def Check(  # noqa: N802 - gRPC's name
        self, request: pb.CheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.CheckResponse:
        """The empty answer."""
        return pb.CheckResponse()


async def main() -> None:
    """Serves until killed."""
    server = grpc.aio.server()
    rpc.add_PermissionsServiceServicer_to_server(EmptyServicer(), server)  # type: ignore[abstract]  # only Check is called
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
