"""The gRPC host and channel against each other over loopback."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY
from servicekit.access import Need
from servicekit.auth import LOCAL_ISSUER, TokenVerifier, current_caller, mint_token, new_signing_key
from servicekit.errors import Conflict
from servicekit.grpc_client import TokenFile, connect
from servicekit.grpc_passage import Rules, guarded
from servicekit.grpc_server import GrpcServer, RpcLimits
from servicekit.telemetry import internal_span
from servicekit.testing.certificates import certificates
from servicekit.testing.waiting import eventually
from servicekit.tls import TlsFiles
from servicekit.v1 import book_service_pb2_grpc

ECHO = "test.v1.EchoService"
PARTS = (StringValue.SerializeToString, StringValue.FromString)


class DeskIsClosed(Conflict):
    """A made-up business error."""


class Echo:
    """Answers in each of the four ways, and fails in the ways named by the request."""

    def __init__(self) -> None:
        self.calls = 0
        self.release = asyncio.Event()
        self.metadata: dict[str, Any] = {}

    async def Say(self, request: StringValue, context: Any) -> StringValue:
        """One for one."""
        self.calls += 1
        self.metadata = dict(context.invocation_metadata())
        match request.value:
            case "who":
                caller = current_caller()
                return StringValue(value=caller.subject if caller else "nobody")
            case "deadline":
                return StringValue(value=str(context.time_remaining()))
            case "conflict":
                raise DeskIsClosed("the desk is closed")
            case "defect":
                raise KeyError("13800138001")
            case "lost" if self.calls < 3:
                raise ConnectionResetError("db")
            case "wait":
                await self.release.wait()
        return StringValue(value=request.value)

    async def Count(self, request: StringValue, _: Any) -> AsyncIterator[StringValue]:
        """Many for one, then an error."""
        for number in range(int(request.value)):
            yield StringValue(value=str(number))
        raise DeskIsClosed("no more")

    async def Join(self, requests: AsyncIterator[StringValue], _: Any) -> StringValue:
        """One for many."""
        return StringValue(value="".join([request.value async for request in requests]))

    async def Chat(
        self, requests: AsyncIterator[StringValue], _: Any
    ) -> AsyncIterator[StringValue]:
        """Many for many."""
        async for request in requests:
            yield request


def add_echo(servicer: Echo, server: Any) -> None:
    """Registers `servicer` as generated code does."""
    parts = (StringValue.FromString, StringValue.SerializeToString)
    server.add_registered_method_handlers(
        ECHO,
        {
            "Say": grpc.unary_unary_rpc_method_handler(servicer.Say, *parts),
            "Count": grpc.unary_stream_rpc_method_handler(servicer.Count, *parts),
            "Join": grpc.stream_unary_rpc_method_handler(servicer.Join, *parts),
            "Chat": grpc.stream_stream_rpc_method_handler(servicer.Chat, *parts),
        },
    )


@asynccontextmanager
async def serving(servicer: Any, **settings: Any) -> AsyncIterator[GrpcServer]:
    usual: dict[str, Any] = {"verifier": None, "insecure": "verifier" not in settings}
    server = GrpcServer("127.0.0.1", 0, **(usual | settings))
    server.add(add_echo, servicer, ECHO)
    await server.start()
    try:
        yield server
    finally:
        servicer.release.set()
        await server.stop()


def connected(server: GrpcServer, **settings: Any) -> grpc.aio.Channel:
    return connect(f"localhost:{server.port}", **({"token": None} | settings))


async def say(channel: grpc.aio.Channel, text: str, **settings: Any) -> str:
    call = channel.unary_unary(f"/{ECHO}/Say", *PARTS)
    answer = await call(StringValue(value=text), **settings)
    return str(answer.value)


async def failure(channel: grpc.aio.Channel, text: str, **settings: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await say(channel, text, **settings)
    return caught.value


def verifier_of(folder: Path, **settings: Any) -> TokenVerifier:
    keys = folder / "jwks.json"
    return TokenVerifier(keys, issuer=LOCAL_ISSUER, audience="leadchain", **settings)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def open_chat(channel: grpc.aio.Channel, token: str = "") -> Any:
    return channel.stream_stream(f"/{ECHO}/Chat", *PARTS)(metadata=bearer(token))


async def said(chat: Any, text: str) -> str:
    await chat.write(StringValue(value=text))
    answer = await chat.read()
    return str(answer.value)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[TokenVerifier, Callable[..., str]]:
    private, public = new_signing_key()
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    verifier = verifier_of(tmp_path)

    def token(subject: str = "service:reporting", lifetime_s: float = 60) -> str:
        return mint_token(
            private,
            subject=subject,
            scopes=[subject],
            audience="leadchain",
            lifetime_s=lifetime_s,
            now=datetime.now(UTC),
        )

    return verifier, token


async def test_all_four_kinds_of_method_are_served() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        parts = (StringValue.SerializeToString, StringValue.FromString)
        words = [StringValue(value="a"), StringValue(value="b")]

        joined = await channel.stream_unary(f"/{ECHO}/Join", *parts)(iter(words))
        chat = channel.stream_stream(f"/{ECHO}/Chat", *parts)(iter(words))
        echoed = [answer.value async for answer in chat]

        assert await say(channel, "hello") == "hello"
        assert joined.value == "ab"
        assert echoed == ["a", "b"]


async def test_a_stream_ends_with_the_error_raised_in_it_after_what_it_sent() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        count = channel.unary_stream(f"/{ECHO}/Count", *PARTS)
        call = count(StringValue(value="3"))

        received = [(await call.read()).value for _ in range(3)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

        assert received == ["0", "1", "2"]
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_business_error_arrives_with_its_code_its_text_and_its_type() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        error = await failure(channel, "conflict")

        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert error.details() == "the desk is closed"
        assert dict(error.trailing_metadata())["error-type"] == "DeskIsClosed"


async def test_a_defect_tells_the_caller_an_id_and_nothing_of_its_cause() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        error = await failure(channel, "defect")

        assert error.code() is grpc.StatusCode.INTERNAL
        assert dict(error.trailing_metadata())["error-id"] in str(error.details())
        assert "13800138001" not in f"{error.details()}{error.trailing_metadata()}"


async def test_bytes_that_are_no_request_are_an_invalid_argument() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        for method in (channel.unary_unary, channel.stream_unary):
            is_single = method == channel.unary_unary
            call = method(f"/{ECHO}/{'Say' if is_single else 'Join'}")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"\xff\xff" if is_single else iter([b"\xff\xff"]))

            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_method_is_unimplemented() -> None:
    async with serving(Echo()) as server, connected(server) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{ECHO}/Sing")(b"")

        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_call_without_deadline_gets_the_usual_one_and_is_ended_by_it() -> None:
    limits = RpcLimits(default_deadline_s=0.2)
    async with serving(Echo(), limits=limits) as server, raw(server) as channel:
        error = await failure(channel, "wait")

        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_call_with_a_deadline_beyond_the_longest_is_cut() -> None:
    limits = RpcLimits(max_deadline_s=0.2)
    async with serving(Echo(), limits=limits) as server, raw(server) as channel:
        error = await failure(channel, "wait", timeout=30)

        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert error.details() == "deadline exceeded"


async def test_a_stream_without_deadline_outlives_the_usual_one_but_not_the_longest() -> None:
    limits = RpcLimits(default_deadline_s=0.1, max_stream_s=1)
    async with serving(Echo(), limits=limits) as server, raw(server) as channel:
        chat = open_chat(channel)

        error = await failure(channel, "wait")

        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await said(chat, "still here") == "still here"
        assert await chat.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_token_that_is_revoked_accepts_no_further_message_on_an_open_call(
    keys: Any,
) -> None:
    verifier, token = keys
    revoked: set[str] = set()
    verifier.is_revoked = lambda caller: caller.subject in revoked
    async with serving(Echo(), verifier=verifier) as server, raw(server) as channel:
        chat = open_chat(channel, token("ana"))
        assert await said(chat, "before") == "before"

        revoked.add("ana")
        await chat.write(StringValue(value="after"))

        assert await chat.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await chat.details() == "revoked"


async def test_a_token_that_runs_out_accepts_no_further_message_on_an_open_call(
    keys: Any, tmp_path: Path
) -> None:
    _, token = keys
    passed_s = [0.0]
    verifier = verifier_of(tmp_path, clock=lambda: time.time() + passed_s[0])
    async with serving(Echo(), verifier=verifier) as server, raw(server) as channel:
        chat = open_chat(channel, token("ana", lifetime_s=60))
        assert await said(chat, "before") == "before"

        passed_s[0] = 120
        await chat.write(StringValue(value="after"))

        assert await chat.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await chat.details() == "expired"


async def test_a_token_that_is_revoked_gets_no_further_answer_of_a_stream(keys: Any) -> None:
    verifier, token = keys
    verdicts = iter([False, False, True])
    verifier.is_revoked = lambda _: next(verdicts)
    async with serving(Echo(), verifier=verifier) as server, raw(server) as channel:
        counting = channel.unary_stream(f"/{ECHO}/Count", *PARTS)
        count = counting(StringValue(value="3"), metadata=bearer(token("ana")))

        assert (await count.read()).value == "0"
        assert await count.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_channel_gives_every_call_a_deadline() -> None:
    async with serving(Echo()) as server, connected(server, default_deadline_s=4) as channel:
        assert 3 < float(await say(channel, "deadline")) < 5
        assert 1 < float(await say(channel, "deadline", timeout=2)) < 3


async def test_a_caller_is_known_by_its_token(keys: Any) -> None:
    verifier, token = keys
    async with (
        serving(Echo(), verifier=verifier) as server,
        connected(server, token=token) as channel,
    ):
        assert await say(channel, "who") == "service:reporting"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "missing"),
        ([("authorization", "Basic eDp5")], "malformed"),
        ([("authorization", "Bearer ")], "malformed"),
        ([("authorization", "Bearer x.y.z")], "malformed"),
    ],
)
async def test_a_call_without_a_good_token_never_reaches_the_servicer(
    keys: Any, metadata: Any, reason: str
) -> None:
    verifier, _ = keys
    echo = Echo()
    async with serving(echo, verifier=verifier) as server, connected(server) as channel:
        error = await failure(channel, "who", metadata=metadata)

        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert error.details() == reason
        assert echo.calls == 0


async def test_an_expired_token_is_refused(keys: Any) -> None:
    verifier, token = keys
    async with (
        serving(Echo(), verifier=verifier) as server,
        connected(server, token=lambda: token(lifetime_s=-60)) as channel,
    ):
        assert (await failure(channel, "who")).details() == "expired"


def test_a_host_without_verifier_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="insecure"):
        GrpcServer("127.0.0.1", 0, verifier=None)


async def test_health_and_reflection_need_no_token(keys: Any) -> None:
    verifier, _ = keys
    async with serving(Echo(), verifier=verifier) as server, raw(server) as channel:
        names = await listed_services(channel)

        assert await health_of(channel, "") == "SERVING"
        assert await health_of(channel, ECHO) == "SERVING"
        assert ECHO in names


async def test_health_says_not_serving_while_draining_and_calls_under_way_end_well() -> None:
    echo = Echo()
    async with serving(echo) as server, connected(server) as channel, raw(server) as probe:
        watch = health_pb2_grpc.HealthStub(probe).Watch(health_pb2.HealthCheckRequest(service=ECHO))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            under_way = group.create_task(say(channel, "wait"))
            await eventually(lambda: echo.calls == 1)

            stopping = group.create_task(server.stop())
            drained = await watch.read()
            echo.release.set()
            watch.cancel()
            await stopping

        assert drained.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert under_way.result() == "wait"
        assert server.problem() == "not serving"


async def test_a_part_that_is_not_ready_can_say_so_in_its_health() -> None:
    async with serving(Echo()) as server, raw(server) as channel:
        await server.announce(serving=False)

        assert await health_of(channel, ECHO) == "NOT_SERVING"
        assert server.problem() == "not serving"


async def test_calls_over_the_limit_are_refused_at_once() -> None:
    echo = Echo()
    limits = RpcLimits(max_concurrent_rpcs=1)
    async with serving(echo, limits=limits) as server, connected(server) as channel:
        async with asyncio.TaskGroup() as group:
            group.create_task(say(channel, "wait"))
            await eventually(lambda: echo.calls == 1)

            error = await failure(channel, "hello")
            echo.release.set()

        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_idempotent_call_is_tried_three_times_and_another_once() -> None:
    patient, hasty = Echo(), Echo()
    async with (
        serving(patient) as server,
        connected(server, idempotent=[f"{ECHO}/Say"]) as channel,
    ):
        assert await say(channel, "lost") == "lost"
    async with serving(hasty) as server, connected(server) as channel:
        error = await failure(channel, "lost")

    assert patient.calls == 3
    assert hasty.calls == 1
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_caller_that_gives_up_stops_the_call_on_the_server() -> None:
    echo = Echo()
    labels = {"method": f"{ECHO}/Say", "code": "CANCELLED"}
    before = duration_count(labels)
    async with serving(echo) as server, connected(server) as channel:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(say(channel, "wait"))
            await eventually(lambda: echo.calls == 1)
            call.cancel()

        await eventually(lambda: duration_count(labels) == before + 1)


async def test_durations_are_counted_by_method_and_code() -> None:
    codes = ("OK", "FAILED_PRECONDITION", "INTERNAL")
    labels = [{"method": f"{ECHO}/Say", "code": code} for code in codes]
    before = [duration_count(label) for label in labels]
    async with serving(Echo()) as server, connected(server) as channel:
        await say(channel, "hello")
        await failure(channel, "conflict")
        await failure(channel, "defect")

    assert [duration_count(label) for label in labels] == [count + 1 for count in before]


def test_a_method_that_is_not_async_is_refused() -> None:
    class Sync(Echo):
        def Say(self, request: StringValue, _: Any) -> StringValue:  # type: ignore[override]
            """Blocks."""
            return request

    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)

    with pytest.raises(TypeError, match="async"):
        server.add(add_echo, Sync(), ECHO)


def test_a_stream_whose_need_is_in_a_field_of_its_messages_is_refused() -> None:
    async def take(messages: Any, _: Any) -> StringValue:
        return StringValue()

    method = grpc.stream_unary_rpc_method_handler(take)
    need = Need("read", "system", resource_field="system")

    with pytest.raises(TypeError, match="takes a stream"):
        guarded(method, "test.v1.Service/Take", Rules(None, RpcLimits()), need)


def test_a_servicer_is_added_under_its_own_name_only() -> None:
    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)

    with pytest.raises(ValueError, match="does not register"):
        server.add(add_echo, Echo(), "test.v1.OtherService")


async def test_a_method_the_servicer_leaves_out_is_unimplemented() -> None:
    name = "servicekit.v1.BookService"
    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)
    servicer = book_service_pb2_grpc.BookServiceServicer()
    server.add(book_service_pb2_grpc.add_BookServiceServicer_to_server, servicer, name)
    await server.start()

    async with connected(server) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{name}/GetBook")(b"")
    await server.stop()

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_call_carries_the_trace_it_is_made_in() -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    echo = Echo()
    async with serving(echo) as server, connected(server) as channel:
        with internal_span("work", parent=f"00-{trace_id}-b7ad6b7169203331-01"):
            await say(channel, "hello")
        assert trace_id in echo.metadata["traceparent"]

        await say(channel, "again")

    assert trace_id not in echo.metadata.get("traceparent", "")


async def test_mutual_tls_admits_only_clients_with_a_certificate(tmp_path: Path) -> None:
    authority, own, strangers = certificates(tmp_path)
    async with serving(Echo(), tls=own) as server:
        async with connected(server, tls=own) as channel:
            assert await say(channel, "hello") == "hello"
        for tls in (TlsFiles(authority=authority), strangers):
            async with connected(server, tls=tls) as channel:
                error = await failure(channel, "hello")
                assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="together"):
        TlsFiles(certificate=tmp_path / "a.pem")


def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    token = TokenFile(file)
    assert token() == "first"

    file.write_text("second\n")
    modified_at_ns = file.stat().st_mtime_ns + 1_000_000
    os.utime(file, ns=(modified_at_ns, modified_at_ns))

    assert token() == "second"


def raw(server: GrpcServer) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")


def duration_count(labels: dict[str, str]) -> float:
    name = "leadchain_rpc_server_duration_seconds_count"
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def health_of(channel: grpc.aio.Channel, service: str) -> str:
    request = health_pb2.HealthCheckRequest(service=service)
    answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def listed_services(channel: grpc.aio.Channel) -> list[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = stub.ServerReflectionInfo(iter([request]), timeout=5)
    return [
        service.name
        async for answer in answers
        for service in answer.list_services_response.service
    ]
