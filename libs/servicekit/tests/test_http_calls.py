"""Calls of a real server on the loopback: what they bound, what they refuse to follow, what they tell of a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from servicekit.http_calls import RETRY_AFTER_S_MAX, Bounds, Call, CallPool, Fault, NotAnswered
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer
from servicekit.local.ports import free_port
from servicekit.telemetry import configure_telemetry, internal_span, read_spans

ROOMY = Bounds(deadline_s=10.0, body_bytes_max=1000)
HASTY = Bounds(deadline_s=0.1, body_bytes_max=1000)
KEY = "key-of-a-customer"


class Vendor:
    """A server that keeps what it is sent; its paths are the ways in which servers misbehave."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.closing = asyncio.Event()
        self.retry_after = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode()
        self.asked.append((target, headers, await read_body(receive, 1000)))
        match scope["path"]:
            case "/mute":
                await self.closing.wait()
            case "/stuck":
                start = {"type": "http.response.start", "status": 200, "headers": []}
                await send(start)
                await send({"type": "http.response.body", "body": b"[", "more_body": True})
                await self.closing.wait()
            case "/moved":
                await send_answer(send, 302, b"", [(b"location", b"/elsewhere")])
            case "/long":
                await send_answer(send, 429, b"x" * 1001, [(b"retry-after", b"7")])
            case _:
                headers_sent = [(b"retry-after", self.retry_after), (b"set-cookie", b"seen=1")]
                await send_answer(send, 200, b"taken", headers_sent)


class NowhereResolver(AbstractResolver):
    """Knows no name."""

    async def resolve(self, host: str, *_: object, **__: object) -> list[ResolveResult]:
        """Raises `OSError`."""
        raise OSError(f"no address for {host}")

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def opened(pool: CallPool) -> AsyncIterator[CallPool]:
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


@asynccontextmanager
async def tracing(spans_dir: Path) -> AsyncIterator[None]:
    telemetry = configure_telemetry("kit", spans_dir=spans_dir)
    await telemetry.start()
    try:
        yield
    finally:
        await telemetry.stop()


def written(spans_dir: Path) -> str:
    return "".join(path.read_text() for path in spans_dir.glob("*.jsonl"))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def address(vendor: Vendor) -> AsyncIterator[str]:
    host = HttpHost("127.0.0.1", 0, vendor)
    await host.start()
    yield f"http://127.0.0.1:{host.port}"
    vendor.closing.set()
    await host.stop()


@pytest.fixture
async def pool() -> AsyncIterator[CallPool]:
    async with opened(CallPool(ROOMY, connections_max=2)) as pool:
        yield pool


async def failure_of(pool: CallPool, url: str, bounds: Bounds = ROOMY) -> NotAnswered:
    with pytest.raises(NotAnswered) as failed:
        await pool.ask(Call("GET", url, "/{key}", query={"key": KEY}), bounds=bounds)
    return failed.value


async def test_a_call_brings_its_body_and_headers_and_gets_an_answer(
    pool: CallPool, vendor: Vendor, address: str
) -> None:
    call = Call("PATCH", f"{address}/leads", "/leads", headers={"x-proof": "p"}, body=b"{}")

    answer = await pool.ask(call)

    assert (answer.status, answer.body) == (200, b"taken")
    ((target, headers, body),) = vendor.asked
    assert (target, body) == ("/leads?", b"{}")
    assert (headers["x-proof"], headers["user-agent"]) == ("p", "leadchain")


async def test_an_address_is_sent_as_it_is_signed_and_a_query_is_encoded(
    pool: CallPool, vendor: Vendor, address: str
) -> None:
    await pool.ask(Call("GET", f"{address}/a%2Fb%3A?since=10%3A00", "/{key}"))
    await pool.ask(Call("GET", f"{address}/?key=old", "/", query={"key": "a|b&c"}))

    assert [target for target, _, _ in vendor.asked] == [
        "/a%2Fb%3A?since=10%3A00",
        "/?key=a%7Cb%26c",
    ]


async def test_a_redirect_is_an_answer_and_is_not_followed(
    pool: CallPool, vendor: Vendor, address: str
) -> None:
    answer = await pool.ask(Call("GET", f"{address}/moved", "/moved"))

    assert answer.status == 302
    assert len(vendor.asked) == 1


async def test_cookies_are_not_brought_back(pool: CallPool, vendor: Vendor, address: str) -> None:
    for _ in range(2):
        await pool.ask(Call("GET", address.replace("127.0.0.1", "localhost"), "/"))

    assert all("cookie" not in headers for _, headers, _ in vendor.asked)


@pytest.mark.parametrize("path", ["/mute", "/stuck"])
async def test_the_deadline_covers_the_whole_answer(
    pool: CallPool, address: str, path: str
) -> None:
    failure = await failure_of(pool, address + path, HASTY)

    assert (failure.code, failure.reason) == (Fault.TIMEOUT, "TimeoutError")


async def test_a_body_that_is_too_large_is_left_and_its_head_is_told(
    pool: CallPool, address: str
) -> None:
    failure = await failure_of(pool, f"{address}/long")

    assert failure.code is Fault.TOO_LARGE
    assert failure.head is not None
    assert (failure.head.status, failure.head.retry_after_s) == (429, 7.0)
    assert (await pool.ask(Call("GET", address, "/"))).status == 200


async def test_a_body_of_just_the_bound_is_taken(pool: CallPool, address: str) -> None:
    bounds = Bounds(deadline_s=10.0, body_bytes_max=len(b"taken"))

    assert (await pool.ask(Call("GET", address, "/"), bounds=bounds)).body == b"taken"


async def test_a_refused_connection_is_no_answer(pool: CallPool) -> None:
    failure = await failure_of(pool, f"http://127.0.0.1:{free_port()}/")

    assert (failure.code, failure.reason) == (Fault.UNREACHABLE, "ClientConnectorError")


@pytest.mark.parametrize("url", ["", "/leads", "http://", "http://h:99999/", "http://[::/"])
async def test_what_is_no_address_is_not_reached(pool: CallPool, url: str) -> None:
    assert (await failure_of(pool, url)).code is Fault.UNREACHABLE


async def test_names_lead_only_where_the_resolver_says() -> None:
    limited = CallPool(ROOMY, connections_max=1, resolver=NowhereResolver)

    async with opened(limited) as pool:
        failure = await failure_of(pool, "http://vendor.example/")

    assert failure.code is Fault.UNREACHABLE


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (b"0", 0.0),
        (b"7", 7.0),
        (b"99999999", RETRY_AFTER_S_MAX),
        (b"999999999", 60.0),
        (b"", 60.0),
        (b"-1", 60.0),
        (b"1e3", 60.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", 60.0),
    ],
)
async def test_how_long_to_wait_is_read_as_seconds_within_an_hour(
    vendor: Vendor, address: str, said: bytes, wait_s: float
) -> None:
    vendor.retry_after = said

    async with opened(CallPool(ROOMY, connections_max=1, retry_after_default_s=60.0)) as pool:
        answer = await pool.ask(Call("GET", address, "/"))

    assert answer.retry_after_s == wait_s


async def test_nothing_is_asked_before_the_start_and_after_the_stop(address: str) -> None:
    pool = CallPool(ROOMY, connections_max=1)
    before = await failure_of(pool, address)

    async with opened(pool):
        assert pool.is_open
        await pool.ask(Call("GET", address, "/"))

    assert not pool.is_open
    assert before.reason == (await failure_of(pool, address)).reason == "ConnectionError"


@pytest.mark.parametrize(
    "url",
    ["{vendor}/mute", "{vendor}/long", f"http://127.0.0.1:1/{KEY}", f"http://[::/{KEY}"],
    ids=["mute", "long", "refused", "no address"],
)
async def test_neither_error_nor_trace_holds_the_address_or_a_key(
    pool: CallPool, address: str, tmp_path: Path, url: str
) -> None:
    async with tracing(tmp_path):
        failure = await failure_of(pool, url.format(vendor=address), HASTY)

    said = f"{failure!s} {failure!r} {failure.reason} {written(tmp_path)}"
    assert KEY not in said
    assert "http:" not in said
    assert failure.__context__ is None
    assert failure.__cause__ is None


async def test_a_call_is_a_span_of_its_template_and_the_trace_goes_along(
    pool: CallPool, vendor: Vendor, address: str, tmp_path: Path
) -> None:
    async with tracing(tmp_path):
        with internal_span("step") as step:
            await pool.ask(Call("GET", f"{address}/{KEY}", "/{key}"))
            await failure_of(pool, f"{address}/mute", HASTY)

    assert step.traceparent is not None
    above, good, bad = read_spans(tmp_path, step.traceparent[3:35])
    assert (above.name, good.name, bad.name) == ("step", "GET /{key}", "GET /{key}")
    assert good.attributes["http.response.status_code"] == 200
    assert bad.attributes["error.type"] == "TimeoutError"
    assert good.span_id in vendor.asked[0][1]["traceparent"]
    assert good.parent_id == above.span_id
