"""A load generator for HTTP/1.1 over loopback: prepared requests, kept connections, a latency for each answer.

As a program it reads prepared requests from a file and prints one JSON line, so that the generator is a process of its
own: `python -m bench.load HOST PORT REQUESTS CONNECTIONS [RATE]`.
"""

import asyncio
import json
import pickle
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

TIMEOUT_S = 240.0


@dataclass(slots=True)
class Outcome:
    """What came back: answers by status, latencies in seconds, and the time from first send to last answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    def summary(self) -> dict[str, object]:
        """Rate per second and latency percentiles in milliseconds."""
        ordered = sorted(self.latencies_s)
        return {
            "statuses": dict(self.statuses),
            "per_second": len(ordered) / self.took_s,
            "p50_ms": ordered[len(ordered) // 2] * 1e3,
            "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        }


class _Connection(asyncio.Protocol):
    """One kept connection: sends the next request when the answer before has come, or when it is due."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._sent_at = 0.0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.idle.append(self)

    def send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not _is_whole(data):
            self._rest = data
            return
        self._rest = b""
        self._load.answered(self, int(data[9:12]), time.perf_counter() - self._sent_at)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost()


def _is_whole(data: bytes) -> bool:
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    head = data[:head_end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return True
    length = int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
    return len(data) >= head_end + 4 + length


class _Load:
    def __init__(self, requests: list[bytes], rate: float | None) -> None:
        self.idle: deque[_Connection] = deque()
        self.outcome = Outcome()
        self._requests = deque(requests)
        self._outstanding = len(requests)
        self._rate = rate
        self._done = asyncio.Event()

    def answered(self, connection: _Connection, status: int, latency_s: float) -> None:
        self.outcome.statuses[status] += 1
        self.outcome.latencies_s.append(latency_s)
        self._outstanding -= 1
        if self._outstanding == 0:
            self._done.set()
        elif self._requests and self._rate is None:
            connection.send(self._requests.popleft())
        else:
            self.idle.append(connection)

    def lost(self) -> None:
        if self._outstanding:
            self._done.set()

    async def run(self) -> Outcome:
        started = time.perf_counter()
        if self._rate is None:
            while self.idle and self._requests:
                self.idle.popleft().send(self._requests.popleft())
        else:
            await self._pace(started, self._rate)
        async with asyncio.timeout(TIMEOUT_S):
            await self._done.wait()
        self.outcome.took_s = time.perf_counter() - started
        return self.outcome

    async def _pace(self, started: float, rate: float) -> None:
        sent = 0
        while self._requests:
            due = int((time.perf_counter() - started) * rate)
            while sent < due and self._requests and self.idle:
                self.idle.popleft().send(self._requests.popleft())
                sent += 1
            await asyncio.sleep(0.001)


async def send_all(
    host: str, port: int, requests: list[bytes], *, connections: int, rate: float | None = None
) -> Outcome:
    """Sends every request once over `connections` kept connections, as fast as answers come or at `rate` a second."""
    load = _Load(requests, rate)
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_connection(lambda: _Connection(load), host, port))[0]
        for _ in range(connections)
    ]
    outcome = await load.run()
    for transport in transports:
        transport.abort()
    return outcome


def main() -> None:
    """Runs one load and prints its summary as a JSON line."""
    host, port, file, connections, *rate = sys.argv[1:]
    requests = pickle.loads(Path(file).read_bytes())
    paced = float(rate[0]) if rate else None
    outcome = uvloop.run(
        send_all(host, int(port), requests, connections=int(connections), rate=paced)
    )
    print(json.dumps(outcome.summary()))


if __name__ == "__main__":
    main()
