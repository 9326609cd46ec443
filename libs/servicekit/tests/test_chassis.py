"""A whole small service as a process: its doors, its readiness, and what it does when it is told to end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import grpc
import nats
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.auth import LOCAL_ISSUER, mint_token, new_signing_key
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.local.ports import kept_port
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually
from servicekit.v1 import operations_service_pb2 as pb
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

SETTINGS = """
from typing import ClassVar
from servicekit.settings import ServiceSettings

class Settings(ServiceSettings):
    service: ClassVar[str] = "kit"
"""
APP = """
from servicekit.chassis import Chassis
from servicekit.testing.sample_event import SampleHappened

def build(settings):
    chassis = Chassis(settings)

    @chassis.bus.on(SampleHappened)
    async def slowly(event, uow):
        print("handling", flush=True)
        await uow.raw.execute("select pg_sleep(0.5)")
        await uow.raw.execute("insert into effects (event_id) values ($1)", event.event_id)

    return chassis
"""
MAIN = """
from servicekit.command_line import run

run("kit")
"""


class Running:
    """The process, and where its doors are."""

    def __init__(self, process, http_port, grpc_port, token):
        self.process = process
        self.http_port = http_port
        self.grpc_port = grpc_port
        self.token = token

    async def get(self, path):
        """The status and the body of an HTTP answer; status 0 when nobody answers."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        except OSError:
            return 0, ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: kit\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split()[1]), body

    async def is_ready(self):
        """Whether every part is."""
        return (await self.get("/readyz"))[0] == 200


@pytest.fixture
async def service(database, stream_url, tmp_path):
    private, public = new_signing_key()
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    token = mint_token(
        private,
        subject="operator",
        audience="leadchain",
        scopes=[],
        lifetime_s=300,
        now=datetime.now(UTC),
    )
    ports = {name: kept_port(tmp_path / "ports", name) for name in ("http", "grpc")}
    environment = {
        "DATABASE_URL": database.url,
        "NATS_URL": stream_url,
        "TOKEN_ISSUER": LOCAL_ISSUER,
        "JWKS_FILE": str(tmp_path / "jwks.json"),
        "HTTP_PORT": str(ports["http"]),
        "GRPC_PORT": str(ports["grpc"]),
        "GRACE_PERIOD_S": "5",
    }
    (tmp_path / "kit").mkdir()
    for name, text in {"__init__": "", "settings": SETTINGS, "app": APP, "__main__": MAIN}.items():
        (tmp_path / "kit" / f"{name}.py").write_text(text)
    process = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        [sys.executable, "-m", "kit"],
        cwd=tmp_path,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Running(process, ports["http"], ports["grpc"], token)
    try:
        await eventually(running.is_ready, deadline_s=30)
        yield running
    finally:
        process.kill()
        process.communicate(timeout=10)


async def send(nats_url):
    client = await nats.connect(nats_url)
    event = SampleHappened(event_id=new_id(), key="k")
    subject = subject_of(event.DESCRIPTOR.full_name, "k")
    await client.jetstream().publish(subject, event.SerializeToString())
    await client.close()
    return event.event_id


async def test_a_service_answers_at_all_its_doors(service):
    assert (await service.get("/livez"))[0] == 200
    assert "leadchain_outbox_pending" in (await service.get("/metrics"))[1]
    assert (await service.get("/elsewhere"))[0] == 404

    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=5
        )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await OperationsServiceStub(channel).GetBacklog(pb.GetBacklogRequest(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_operator_with_a_token_sees_what_waits(service):
    async with connect(f"127.0.0.1:{service.grpc_port}", token=lambda: service.token) as channel:
        backlog = await OperationsServiceStub(channel).GetBacklog(pb.GetBacklogRequest())

    assert (backlog.outbox_count, backlog.dead_letter_count, backlog.retrying_count) == (0, 0, 0)


async def test_a_service_told_to_end_commits_the_running_batch_and_exits_with_0(
    service, database, stream_url
):
    event_id = await send(stream_url)
    await asyncio.to_thread(_wait_for_line, service.process, "handling")

    service.process.send_signal(signal.SIGTERM)

    assert await asyncio.to_thread(service.process.wait, 10) == 0
    async with database.raw() as raw:
        assert await raw.fetchval("select event_id from effects") == event_id
    client = await nats.connect(stream_url)
    info = await client.jetstream().consumer_info("TESTING", "kit-SampleHappened")
    await client.close()
    assert (info.num_ack_pending, info.num_pending) == (0, 0)


def _wait_for_line(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise EOFError(text)
