"""How soon a write, and a revocation, is in force in every process, beside the raw limits of the same run.

`python -m bench.revocation [--revocations N] [--leases N]`. Permissions and five services' replicas are a process
each; the replicas answer 2,000 checks a second together. Real NATS and PostgreSQL, which keeps what it acknowledges.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc
import nats
import uvloop
from accesskit.changes import FactPut, LeasePut, PrincipalPut
from accesskit.facts import Fact
from accesskit.wire import fact_to_pb
from leadchain.permissions.v1 import facts_service_pb2, sessions_service_pb2
from leadchain.permissions.v1.facts_service_pb2_grpc import FactsServiceStub
from leadchain.permissions.v1.sessions_service_pb2_grpc import OffboardingServiceStub
from permissions.domain.leases import Lease
from permissions.store import facts, leases, principals
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.auth import mint_token, new_signing_key
from servicekit.database import Database
from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer
from servicekit.streams import apply_streams, load_definitions

from bench.checks_server import AUDIENCE, ISSUER, lead_id, rep_of, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from nats.aio.client import Client

SERVICES = ("lead-intake", "identity", "assignment", "reporting", "engagement")
STREAMS = Path(__file__).parents[1] / "deploy" / "nats" / "streams.yaml"
LEASES_AT_ONCE = 5000
READY_WITHIN_S = 90.0
STOPS_WITHIN_S = 10.0
PAUSE_S = 0.03
SETTLE_S = 1.5
LEAVER = "rep-899"
MS = 1e6
READONLY_AFTER_S = 30 * 86_400.0


@dataclass(slots=True)
class Bench:
    """The running processes as the measurement sees them."""

    bus: Client
    channel: grpc.aio.Channel
    token: str
    database_url: str

    @property
    def options(self) -> dict[str, Any]:
        """What each call carries."""
        return {"metadata": (("authorization", f"Bearer {self.token}"),), "timeout": 90}

    async def ask(self, what: str) -> dict[str, Any]:
        """What each replica says."""
        found = {}
        for service in SERVICES:
            answer = await self.bus.request(f"bench.{what}.{service}", b"", timeout=60)
            found[service] = json.loads(answer.data)
        return found


@dataclass(frozen=True, slots=True)
class Call:
    """A call: whom or what it was about, when it was sent and answered (ns), and the revision it made."""

    about: str
    sent_ns: int
    answered_ns: int
    revision: int
    is_confirmed: bool = True

    @property
    def took_ns(self) -> int:
        """From sending to the answer."""
        return self.answered_ns - self.sent_ns


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.revocation", description=__doc__)
    parser.add_argument("--revocations", type=int, default=300)
    parser.add_argument("--leases", type=int, default=25_000, help="of one who is offboarded")
    options = parser.parse_args()
    uvloop.run(_measured(options.revocations, options.leases))


async def _measured(count: int, leaver_leases: int) -> None:
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        async with _running(Path(folder), leaver_leases) as bench:
            raw = await _announced_bare(bench, count)
            commits_ns = await _commits(bench.database_url, count)
            writes = await _writes(bench, count)
            revocations = await _revocations(bench, count)
            offboarding = await _offboarding(bench)
            await asyncio.sleep(SETTLE_S)
            told, speeds = await bench.ask("report"), await bench.ask("speed")
    console = Console(width=110)
    shown = Table("figure", "p50", "p99", "max", "target", title=f"{count} of each, ms")
    arrived_ns = [_last(told, "raw", sent.about) - sent.sent_ns for sent in raw]
    _row(shown, "raw: NATS publish to 5 subscribers", arrived_ns, "")
    _row(shown, "raw: PostgreSQL commit of a row", commits_ns, "")
    _row(shown, "write sent to visible in 5", _spread(told, writes), "p99 <= 25")
    _row(shown, "write answered", [each.took_ns for each in writes], "")
    _row(shown, "revocation sent to applied in 5", _spread(told, revocations), "p99 <= 50")
    _row(shown, "revocation acknowledged", [each.took_ns for each in revocations], "")
    console.print(shown)
    _tell_of_requests(console, told, revocations, offboarding)
    console.print(
        f"offboarding with {leaver_leases} leases: in force in 5 after "
        f"{_spread(told, [offboarding])[0] / 1e9:.2f} s, acknowledged after "
        f"{offboarding.took_ns / 1e9:.2f} s, confirmed: {offboarding.is_confirmed}"
    )
    fastest = ", ".join(f"{speed:,.0f}" for speed in speeds.values())
    console.print(f"replica checks/s, one process after the other: {fastest} (target >= 500,000)")
    console.print(
        f"cores {os.cpu_count()}, load before {load_before:.1f}, after {os.getloadavg()[0]:.1f}"
    )


def _tell_of_requests(
    console: Console, told: dict[str, Any], revocations: Sequence[Call], offboarding: Call
) -> None:
    late = sum(_accepted_after(told, each) for each in (*revocations, offboarding))
    accepted = sum(len(times) for one in told.values() for times in one["accepted"].values())
    checks_per_s = sum(one["count"] / one["asked_s"] for one in told.values())
    confirmed = sum(each.is_confirmed for each in revocations)
    console.print(f"requests accepted after the acknowledgement: {late} (target 0) of {accepted}")
    console.print(f"confirmed by all within a second: {confirmed} of {len(revocations)}")
    console.print(f"checks/s in the replicas meanwhile: {checks_per_s:,.0f}")


async def _announced_bare(bench: Bench, count: int) -> list[Call]:
    """The limit: bytes as long as an announcement, through NATS alone."""
    sent = []
    for number in range(count):
        sent.append(Call(f"{number:08d}", time.monotonic_ns(), 0, 0))
        await bench.bus.publish("bench.raw", f"{number:08d}".encode() + bytes(200))
        await asyncio.sleep(PAUSE_S / 3)
    return sent


async def _commits(database_url: str, count: int) -> list[int]:
    """The limit: one row in a transaction of its own, nanoseconds each."""
    raw = await asyncpg.connect(database_url)
    try:
        await raw.execute("create table bench_rows (at timestamptz)")
        took = []
        for _ in range(count):
            began_ns = time.monotonic_ns()
            await raw.execute("insert into bench_rows values (now())")
            took.append(time.monotonic_ns() - began_ns)
        return took
    finally:
        await raw.close()


async def _writes(bench: Bench, count: int) -> list[Call]:
    """Facts, one at a time."""
    stub, calls = FactsServiceStub(bench.channel), []
    for number in range(count):
        fact = fact_to_pb(Fact("lead", lead_id(number), "collaborator", "user", rep_of(number + 1)))
        request = facts_service_pb2.WriteFactsRequest(puts=[fact])
        sent_ns = time.monotonic_ns()
        response = await stub.WriteFacts(request, **bench.options)
        calls.append(Call("", sent_ns, time.monotonic_ns(), _revision(response.token)))
        await asyncio.sleep(PAUSE_S)
    return calls


async def _revocations(bench: Bench, count: int) -> list[Call]:
    """People are suspended one after the other, each while all five services are asked about them."""
    stub, calls = OffboardingServiceStub(bench.channel), []
    for number in range(count):
        person_id = f"rep-{number}"
        await bench.bus.publish("bench.target", person_id.encode())
        await asyncio.sleep(PAUSE_S)
        request = sessions_service_pb2.SuspendRequest(principal_id=person_id)
        sent_ns = time.monotonic_ns()
        done = await stub.Suspend(request, **bench.options)
        answered_ns = time.monotonic_ns()
        await asyncio.sleep(PAUSE_S)
        calls.append(
            Call(person_id, sent_ns, answered_ns, _revision(done.token), done.is_confirmed)
        )
    return calls


async def _offboarding(bench: Bench) -> Call:
    """One who owns very much leaves."""
    await bench.bus.publish("bench.target", LEAVER.encode())
    await asyncio.sleep(PAUSE_S)
    request = sessions_service_pb2.OffboardRequest(
        request_id="leave-bench-1", principal_id=LEAVER, reason="resigned"
    )
    stub, sent_ns = OffboardingServiceStub(bench.channel), time.monotonic_ns()
    done = await stub.Offboard(request, **bench.options)
    answered_ns = time.monotonic_ns()
    return Call(LEAVER, sent_ns, answered_ns, _revision(done.report.token), done.is_confirmed)


@asynccontextmanager
async def _running(folder: Path, leaver_leases: int) -> AsyncIterator[Bench]:
    private, public = new_signing_key(ISSUER)
    (folder / "jwks.json").write_text(json.dumps(public))
    bus = NatsServer(folder / "nats")
    postgres = PostgresServer(folder / "postgres", durable=True)
    async with AsyncExitStack() as stack:
        postgres.start()
        stack.callback(postgres.remove)
        stack.callback(postgres.stop)
        bus.start()
        stack.callback(bus.stop)
        await asyncio.to_thread(migrations.upgrade, postgres.url(), "permissions")
        await _fill(postgres.url(), leaver_leases)
        await apply_streams(bus.url, load_definitions(STREAMS))
        target = f"127.0.0.1:{free_port()}"
        environment = _environment(folder, postgres.url(), bus.url, target)
        stack.enter_context(_program("permissions", environment=environment))
        channel = grpc.aio.insecure_channel(target)
        stack.push_async_callback(channel.close)
        async with asyncio.timeout(READY_WITHIN_S):
            await channel.channel_ready()
        for service in SERVICES:
            file = folder / f"{service}.token"
            file.write_text(_token(private, service))
            stack.enter_context(_program("bench.replica", service, str(file), bus.url, target))
        client = await nats.connect(bus.url)
        stack.push_async_callback(client.close)
        await _all_ready(client)
        yield Bench(client, channel, _token(private, "ops"), postgres.url())


@contextmanager
def _program(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    """Runs a module while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=sys.stderr,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(STOPS_WITHIN_S)


def _environment(folder: Path, database_url: str, nats_url: str, target: str) -> dict[str, str]:
    key = base64.b64encode(bytes(range(32))).decode()
    return {
        "PERMISSIONS_DATABASE_URL": database_url,
        "NATS_URL": nats_url,
        "JWKS_FILE": str(folder / "jwks.json"),
        "GRPC_PORT": target.rpartition(":")[2],
        "HTTP_PORT": str(free_port()),
        "FIELD_KEYS": f"bench:{key}",
        "INDEX_KEY": key,
        "LOG_LEVEL": "ERROR",
    }


def _token(private: dict[str, Any], subject: str) -> str:
    return mint_token(
        private,
        subject=subject,
        scopes=[],
        audience=AUDIENCE,
        lifetime_s=3600,
        now=datetime.now(UTC),
    )


async def _fill(database_url: str, leaver_leases: int) -> None:
    """The state of `bench.checks`, with one who owns very much, services, and somebody who revokes."""
    database = Database(database_url, service="permissions")
    changes = [*world(time.time()), *_staff()]
    extra = (
        LeasePut("lead", lead_id(1_000_000 + number), LEAVER, time.time(), 1)
        for number in range(leaver_leases)
    )
    owned = [_noticed(put) for put in (*changes, *extra) if isinstance(put, LeasePut)]
    people = [put for put in changes if isinstance(put, PrincipalPut)]
    async with database.unit_of_work() as uow:
        await principals.put(
            uow.raw, list({put.principal_id: put for put in people}.values()), seq=0
        )
        await facts.put(uow.raw, [put.fact for put in changes if isinstance(put, FactPut)])
        for start in range(0, len(owned), LEASES_AT_ONCE):
            await leases.save(uow.raw, owned[start : start + LEASES_AT_ONCE])
    await database.stop()


def _noticed(put: LeasePut) -> Lease:
    """The lease after its notices, so that no sweep of ten thousand disturbs the measurement."""
    is_locked = put.touched_at_s < time.time() - READONLY_AFTER_S
    return Lease(put, noticed="readonly" if is_locked else "")


def _staff() -> Iterator[PrincipalPut | FactPut]:
    for service in SERVICES:
        yield PrincipalPut(service, "service", "active", 1)
    yield PrincipalPut("ops", "user", "active", 1)
    for role in ("operator", "security_officer"):
        yield FactPut(Fact("role", role, "member", "user", "ops", seq=1))


async def _all_ready(bus: Client) -> None:
    ready: set[bytes] = set()
    heard = await bus.subscribe("is_ready")
    async with asyncio.timeout(READY_WITHIN_S):
        while len(ready) < len(SERVICES):
            await bus.publish("bench.ready")
            try:
                while True:
                    ready.add((await heard.next_msg(timeout=0.5)).data)
            except nats.errors.TimeoutError:
                continue
    await heard.unsubscribe()


def _revision(token: str) -> int:
    return int(token.rpartition(".")[2])


def _last(told: dict[str, Any], kind: str, key: str) -> int:
    return max(int(one[kind][key]) for one in told.values())


def _spread(told: dict[str, Any], calls: Sequence[Call]) -> list[int]:
    """Nanoseconds from each call to the last replica that had applied what it did."""
    return [
        max(
            min(at for revision, at in one["applied"].items() if int(revision) >= call.revision)
            for one in told.values()
        )
        - call.sent_ns
        for call in calls
    ]


def _accepted_after(told: dict[str, Any], call: Call) -> int:
    return sum(
        at_ns > call.answered_ns
        for one in told.values()
        for at_ns in one["accepted"].get(call.about, ())
    )


def _row(shown: Table, name: str, took_ns: Sequence[int], target: str) -> None:
    ordered = sorted(took_ns)
    figures = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])
    shown.add_row(name, *(f"{each / MS:,.2f}" for each in figures), target)


if __name__ == "__main__":
    main()
