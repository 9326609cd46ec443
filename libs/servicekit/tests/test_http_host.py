"""The HTTP host over real sockets, spoken to by a real client and by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from servicekit.errors import Conflict, TooLarge, Unavailable
from servicekit.http_host import (
    AsgiApp,
    HttpHost,
    HttpLimits,
    Message,
    Receive,
    Scope,
    Send,
    operations_app,
    read_body,
    send_answer,
    send_error,
)
from servicekit.testing.waiting import eventually


class Desk:
    """An application that echoes bodies, raises on request and can be made to wait."""

    def __init__(self) -> None:
        self.arrived = 0
        self.release = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.arrived += 1
        try:
            body = await read_body(receive, 1000)
            await self._answer(scope["path"], body, send)
        except (Conflict, TooLarge, Unavailable, KeyError) as error:
            await send_error(send, error)

    async def _answer(self, path: str, body: bytes, send: Send) -> None:
        match path:
            case "/wait":
                await self.release.wait()
            case "/conflict":
                raise Conflict("taken")
            case "/defect":
                raise KeyError("13800138001")
            case "/lost":
                raise Unavailable("busy", retry_after_s=7)
        await send_answer(send, 200, body, [(b"x-desk", b"1")])


@asynccontextmanager
async def hosting(app: AsgiApp, **limits: Any) -> AsyncIterator[HttpHost]:
    host = HttpHost("127.0.0.1", 0, app, limits=HttpLimits(**limits))
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


@asynccontextmanager
async def client_of(host: HttpHost) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{host.port}", timeout=timeout) as session:
        yield session


@asynccontextmanager
async def connection_to(
    host: HttpHost,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def receiving(messages: Iterable[Message]) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


async def test_a_request_is_answered_with_its_length_and_date_and_without_a_banner() -> None:
    async with (
        hosting(Desk()) as host,
        client_of(host) as client,
        client.post("/echo", data=b"hello") as answer,
    ):
        assert answer.status == 200
        assert await answer.read() == b"hello"
        assert answer.headers["x-desk"] == "1"
        assert answer.headers["content-length"] == "5"
        assert answer.headers["date"].endswith("GMT")
        assert "server" not in answer.headers


async def test_two_hosts_may_share_a_port() -> None:
    async with hosting(Desk()) as first:
        second = HttpHost("127.0.0.1", first.port, Desk())

        assert second.port == first.port
        await second.stop()


async def test_a_body_over_the_limit_is_refused() -> None:
    async with (
        hosting(Desk()) as host,
        client_of(host) as client,
        client.post("/echo", data=b"x" * 1001) as answer,
    ):
        assert answer.status == 413
        assert "1000 bytes" in (await answer.json())["error"]


async def test_errors_are_answered_by_the_table() -> None:
    async with (
        hosting(Desk()) as host,
        client_of(host) as client,
        client.get("/conflict") as conflict,
        client.get("/lost") as lost,
    ):
        assert (conflict.status, await conflict.json()) == (409, {"error": "taken"})
        assert (lost.status, lost.headers["retry-after"]) == (503, "7")


async def test_a_defect_is_answered_with_an_id_and_nothing_of_its_cause() -> None:
    async with (
        hosting(Desk()) as host,
        client_of(host) as client,
        client.get("/defect") as answer,
    ):
        text = await answer.text()

        assert answer.status == 500
        assert len(json.loads(text)["error_id"]) == 16
        assert "13800138001" not in text


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x00\xa5",
        b"GET\r\n\r\n",
        b"POST /x HTTP/1.1\r\ncontent-length: minus\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"CONNECT desk:443 HTTP/1.1\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_request_are_a_400_that_never_reaches_the_application(
    noise: bytes,
) -> None:
    desk = Desk()
    async with hosting(desk) as host, connection_to(host) as (reader, writer):
        writer.write(noise)

        answer = await asyncio.wait_for(reader.read(), timeout=5)

        assert answer.startswith(b"HTTP/1.1 400")
        assert desk.arrived == 0


async def test_a_head_that_never_ends_is_cut_off() -> None:
    async with hosting(Desk()) as host, connection_to(host) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nx: ")
        answer = b""
        with suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"x" * 1024)
                await writer.drain()
            answer = await asyncio.wait_for(reader.read(), timeout=5)

        assert not answer or answer.startswith(b"HTTP/1.1 400")
        assert await eventually(lambda: reader.at_eof() or reader.exception() is not None)


async def test_a_client_that_does_not_finish_its_head_in_time_is_dropped() -> None:
    async with (
        hosting(Desk(), head_timeout_s=0.1) as host,
        connection_to(host) as (silent, _),
        connection_to(host) as (slow, writer),
    ):
        writer.write(b"GET / HTTP/1.1\r\n")

        ended = await asyncio.wait_for(asyncio.gather(silent.read(), slow.read()), timeout=5)

    assert ended == [b"", b""]


async def test_connections_over_the_limit_are_told_to_come_back() -> None:
    desk = Desk()
    async with hosting(desk, connections_max=2) as host, client_of(host) as client:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(status_of(client, "/wait"))
            await eventually(lambda: desk.arrived == 1)

            assert await status_of(client, "/echo") == 503
            desk.release.set()

        assert waiting.result() == 200


async def test_a_request_under_way_is_answered_while_the_host_stops() -> None:
    desk = Desk()
    async with hosting(desk) as host, client_of(host) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(status_of(client, "/wait"))
        await eventually(lambda: desk.arrived == 1)

        stopping = group.create_task(host.stop())
        await eventually(lambda: host.problem() is not None)
        desk.release.set()

        assert await waiting == 200
        await stopping
        with pytest.raises(aiohttp.ClientConnectionError):
            await status_of(client, "/echo")


async def test_a_request_that_outlasts_the_grace_is_cut() -> None:
    desk = Desk()
    async with hosting(desk, grace_s=1) as host, client_of(host) as client:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(failing_status_of(client, "/wait"))
            await eventually(lambda: desk.arrived == 1)

            async with asyncio.timeout(5):
                await host.stop()

        assert waiting.result() in {0, 500}


async def test_the_operations_page_tells_alive_from_ready() -> None:
    parts: dict[str, str | None] = {"bus": None, "database": "not connected"}
    app = operations_app(lambda: parts, lambda: b"leads_total 1\n")
    async with hosting(app) as host, client_of(host) as client:
        async with client.get("/readyz") as unready:
            assert unready.status == 503
            assert (await unready.json())["unready"] == {"database": "not connected"}

        parts["database"] = None

        async with client.get("/metrics") as metrics:
            assert await metrics.read() == b"leads_total 1\n"
        assert await status_of(client, "/readyz") == 200
        assert await status_of(client, "/livez") == 200
        assert await status_of(client, "/other") == 404


async def test_a_body_in_pieces_is_joined() -> None:
    pieces = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b"c"},
    ]

    assert await read_body(receiving(pieces), 3) == b"abc"


async def test_a_body_too_large_is_refused_before_its_end_arrives() -> None:
    pieces = [{"type": "http.request", "body": b"abcd", "more_body": True}]

    with pytest.raises(TooLarge):
        await read_body(receiving(pieces), 3)


async def test_a_sender_that_hangs_up_is_no_defect() -> None:
    with pytest.raises(Unavailable):
        await read_body(receiving([{"type": "http.disconnect"}]), 3)


async def test_a_body_that_does_not_arrive_in_time_is_given_up() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(Unavailable, match="in time"):
        await read_body(receive, 3, timeout_s=0.02)


async def status_of(client: aiohttp.ClientSession, path: str) -> int:
    async with client.get(path) as answer:
        return answer.status


async def failing_status_of(client: aiohttp.ClientSession, path: str) -> int:
    try:
        return await status_of(client, path)
    except aiohttp.ClientError:
        return 0
