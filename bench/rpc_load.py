"""How many `Check` calls a second a server answers.

`python -m bench.rpc_load TARGET TOKEN LEAD_ID SECONDS IN_FLIGHT`.
"""

import asyncio
import json
import sys
import time

import grpc
import uvloop
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1 import permissions_service_pb2_grpc as rpc


async def main() -> None:
    """Calls from several tasks for a while and prints one JSON line."""
    target, token, lead_id, seconds, in_flight = sys.argv[1:]
    request = pb.CheckRequest(subject_id="rep-01", action="edit", lead_id=lead_id)
    metadata = (("authorization", f"Bearer {token}"),)
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        stub = rpc.PermissionsServiceStub(channel)
        await stub.Check(request, metadata=metadata, timeout=5)
        stop_at = time.perf_counter() + float(seconds)

        async def call() -> None:
            while (started := time.perf_counter()) < stop_at:
                await stub.Check(request, metadata=metadata, timeout=5)
                latencies.append(time.perf_counter() - started)

        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(int(in_flight))))
        took_s = time.perf_counter() - began
    latencies.sort()
    figures = {
        "per_second": len(latencies) / took_s,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    uvloop.run(main())
