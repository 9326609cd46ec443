"""Traces stay whole across services, batches and stored work, and cost nothing where nobody looks."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings
from prometheus_client.metrics import MetricWrapperBase
from servicekit import metrics
from servicekit.metrics import RPC_DURATION_S, bound, render
from servicekit.telemetry import (
    SpanRecord,
    Telemetry,
    TraceContext,
    configure_telemetry,
    current_trace_id,
    current_traceparent,
    db_span,
    http_client_span,
    http_server_span,
    inject_headers,
    inject_metadata,
    internal_span,
    process_batch,
    read_spans,
    rpc_client_span,
    rpc_server_span,
    send_batch,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER_TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
ALSO_SAMPLED = f"00-{OTHER_TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"
_FEW_VALUED_LABELS = {
    *("consumer", "stream", "channel", "method", "code", "reason"),
    *("error_type", "timer", "worker", "outcome", "system", "kind", "rate", "group"),
}
EVENT = "leadchain.intake.v1.LeadReceived"


@pytest.fixture(autouse=True)
def no_otel_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


@contextlib.asynccontextmanager
async def recording(spans_dir: Path | None, service: str = "identity") -> AsyncIterator[None]:
    """Telemetry that runs for the block and has flushed after it."""
    telemetry = configure_telemetry(service, spans_dir=spans_dir)
    await telemetry.start()
    try:
        yield
    finally:
        await telemetry.stop()


def trace_id_of(traceparent: str | None) -> str:
    context = TraceContext.parse(traceparent)
    assert context is not None
    return context.trace_id


def span_id_of(traceparent: str | None) -> str:
    context = TraceContext.parse(traceparent)
    assert context is not None
    return context.span_id


def written(spans_dir: Path) -> str:
    """Everything that the span files hold."""
    return "".join(path.read_text() for path in spans_dir.glob("*.jsonl"))


def named(spans: list[SpanRecord], name: str) -> SpanRecord:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_a_traceparent_survives_parsing_and_writing() -> None:
    context = TraceContext.parse(SAMPLED)

    assert context == TraceContext(TRACE, "00f067aa0ba902b7", 1)
    assert context.sampled
    assert context.header() == SAMPLED


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        SAMPLED.upper(),
        SAMPLED + "-more",
        "ff" + SAMPLED[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-00f067aa0ba902b7-0x",
        SAMPLED + "\n",
    ],
)
def test_a_malformed_traceparent_is_no_context(header: str | None) -> None:
    assert TraceContext.parse(header) is None


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert TraceContext.parse("01" + SAMPLED[2:] + "-extra") == TraceContext.parse(SAMPLED)


async def test_a_webhook_starts_a_trace_that_its_work_continues(tmp_path: Path) -> None:
    async with recording(tmp_path, "lead-intake"):
        with http_server_span("POST", "/in/v1/{channel}/{account_key}", []) as request:
            with db_span("INSERT deliveries", namespace="lead_intake", batch_size=7):
                pass
            request.status(202)
        with internal_span("map delivery", request.traceparent, channel="website_form"):
            assert current_trace_id() == trace_id_of(request.traceparent)

    spans = read_spans(tmp_path, trace_id_of(request.traceparent))
    server = named(spans, "POST /in/v1/{channel}/{account_key}")
    assert (server.kind, server.parent_id, server.service) == ("SERVER", None, "lead-intake")
    assert server.attributes == {
        "http.request.method": "POST",
        "http.route": "/in/v1/{channel}/{account_key}",
        "url.scheme": "http",
        "http.response.status_code": 202,
    }
    statement = named(spans, "INSERT deliveries")
    assert statement.parent_id == server.span_id
    assert statement.attributes == {
        "db.system.name": "postgresql",
        "db.query.summary": "INSERT deliveries",
        "db.namespace": "lead_intake",
        "db.operation.batch.size": 7,
    }
    mapping = named(spans, "map delivery")
    assert (mapping.parent_id, mapping.attributes) == (
        server.span_id,
        {"channel": "website_form"},
    )


async def test_a_caller_s_trace_is_continued_over_http_and_grpc(tmp_path: Path) -> None:
    headers: dict[str, str] = {}
    metadata: list[tuple[str, str]] = []

    async with recording(tmp_path):
        incoming = [(b"host", b"x"), (b"traceparent", SAMPLED.encode())]
        with http_server_span("GET", "/x", incoming) as served:
            with http_client_span("GET", "/v1/{id}", "127.0.0.1", 8443) as made:
                inject_headers(headers)
                made.status(404)
            with rpc_client_span("/acme.v1.Rights/Check") as call:
                inject_metadata(metadata)
                call.finish("OK")
            served.status(200)
        with rpc_server_span("acme.v1.Rights/Check", metadata) as answered:
            answered.finish("NOT_FOUND")

    spans = read_spans(tmp_path, TRACE)
    client = next(s for s in spans if s.name == "acme.v1.Rights/Check" and s.kind == "CLIENT")
    server = next(s for s in spans if s.name == "acme.v1.Rights/Check" and s.kind == "SERVER")
    assert span_id_of(headers["traceparent"]) == named(spans, "GET /v1/{id}").span_id
    assert named(spans, "GET /v1/{id}").attributes["error.type"] == "404"
    assert named(spans, "GET /x").parent_id == "00f067aa0ba902b7"
    assert (client.status, server.status) == ("UNSET", "UNSET")
    assert server.parent_id == client.span_id
    assert server.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "acme.v1.Rights/Check",
        "rpc.response.status_code": "NOT_FOUND",
    }


async def test_what_a_handler_publishes_is_caused_by_its_own_process_span(tmp_path: Path) -> None:
    async with recording(tmp_path, "identity"):
        with process_batch("identity-LeadReceived", EVENT, [SAMPLED]) as batch:
            caused = batch.traceparent_of(0)
            assert current_traceparent() == caused
    async with recording(tmp_path, "assignment"):
        next_event = "leadchain.identity.v1.LeadIdentified"
        with process_batch("assignment-LeadIdentified", next_event, [caused]):
            pass

    first, second = read_spans(tmp_path, TRACE)
    assert (first.service, first.name, first.kind) == (
        "identity",
        "process LeadReceived",
        "CONSUMER",
    )
    assert first.parent_id == "00f067aa0ba902b7"
    assert first.attributes == {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": EVENT,
        "messaging.consumer.group.name": "identity-LeadReceived",
    }
    assert (second.service, second.parent_id) == ("assignment", first.span_id)


async def test_each_message_of_a_batch_stays_in_its_own_trace_and_the_batch_links_them(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path):
        received = [SAMPLED, None, UNSAMPLED, ALSO_SAMPLED, "garbage"]
        with process_batch("identity-LeadReceived", EVENT, received) as batch:
            shared = current_traceparent()
            with db_span("INSERT leads", batch_size=5):
                pass

    (one,) = read_spans(tmp_path, TRACE)
    (other,) = read_spans(tmp_path, OTHER_TRACE)
    together = read_spans(tmp_path, trace_id_of(shared))
    whole = named(together, "process LeadReceived batch")
    assert (one.start_ns, one.end_ns) == (other.start_ns, other.end_ns)
    assert other.parent_id == "b7ad6b7169203331"
    assert whole.parent_id is None
    assert whole.links == [(TRACE, one.span_id), (OTHER_TRACE, other.span_id)]
    assert whole.attributes["messaging.batch.message_count"] == 5
    assert named(together, "INSERT leads").parent_id == whole.span_id
    assert span_id_of(batch.traceparent_of(0)) == one.span_id
    assert batch.traceparent_of(1) is None
    assert batch.traceparent_of(2) == UNSAMPLED
    assert batch.traceparent_of(4) is None


async def test_a_batch_links_no_more_messages_than_collectors_accept(tmp_path: Path) -> None:
    async with recording(tmp_path):
        with process_batch("identity-LeadReceived", EVENT, [SAMPLED] * 200):
            shared = current_traceparent()

    (whole,) = read_spans(tmp_path, trace_id_of(shared))
    assert len(whole.links) == 128
    assert len(read_spans(tmp_path, TRACE)) == 200


async def test_a_failed_batch_marks_its_spans_with_the_type_of_the_error_only(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path):
        with (
            contextlib.suppress(ValueError),
            process_batch("identity-LeadReceived", EVENT, [SAMPLED]),
        ):
            raise ValueError("13800138001")
        with process_batch("identity-LeadReceived", EVENT, [ALSO_SAMPLED]) as batch:
            batch.fail("servicekit.errors.Conflict")

    (raised,) = read_spans(tmp_path, TRACE)
    (told,) = read_spans(tmp_path, OTHER_TRACE)
    assert (raised.status, raised.attributes["error.type"]) == ("ERROR", "ValueError")
    assert (told.status, told.attributes["error.type"]) == ("ERROR", "servicekit.errors.Conflict")
    assert "13800138001" not in written(tmp_path)


async def test_the_relay_s_send_links_the_rows_and_leaves_their_contexts(tmp_path: Path) -> None:
    async with recording(tmp_path):
        with send_batch("INTAKE", [SAMPLED, None, UNSAMPLED]):
            sending = current_traceparent()
        with send_batch("INTAKE", [UNSAMPLED, None]):
            assert current_traceparent() is None

    (send,) = read_spans(tmp_path, trace_id_of(sending))
    assert (send.name, send.kind) == ("send INTAKE", "PRODUCER")
    assert send.links == [(TRACE, "00f067aa0ba902b7")]
    assert send.attributes["messaging.batch.message_count"] == 3


async def test_an_unsampled_trace_is_passed_on_and_records_nothing(tmp_path: Path) -> None:
    headers: dict[str, str] = {}

    async with recording(tmp_path):
        with process_batch("identity-LeadReceived", EVENT, [UNSAMPLED, None]) as batch:
            with db_span("INSERT leads"), http_client_span("POST", "/x", "127.0.0.1", 80):
                inject_headers(headers)
            assert batch.traceparent_of(0) is UNSAMPLED
        with http_server_span("POST", "/x", [(b"traceparent", UNSAMPLED.encode())]) as request:
            request.status(500)

    assert headers == {"traceparent": UNSAMPLED}
    assert request.traceparent == UNSAMPLED
    assert written(tmp_path) == ""


async def test_the_sampler_of_the_environment_decides_for_new_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")

    async with recording(tmp_path):
        with http_server_span("POST", "/x", []) as request:
            pass
        with process_batch("identity-LeadReceived", EVENT, [SAMPLED]):
            pass

    context = TraceContext.parse(request.traceparent)
    assert context is not None
    assert not context.sampled
    assert [s.name for s in read_spans(tmp_path, TRACE)] == ["process LeadReceived"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ],
)
async def test_telemetry_that_is_switched_off_still_carries_the_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    async with recording(tmp_path):
        with process_batch("identity-LeadReceived", EVENT, [SAMPLED]) as batch:
            assert current_traceparent() == batch.traceparent_of(0) == SAMPLED

    assert written(tmp_path) == ""


async def test_personal_data_in_names_and_attributes_is_masked(tmp_path: Path) -> None:
    async with recording(tmp_path):
        with internal_span("call 13800138001", SAMPLED, note="a@example.com", phone=13800138002):
            pass

    (span,) = read_spans(tmp_path, TRACE)
    assert span.name == "call 138****8001"
    assert span.attributes == {"note": "***", "phone": "138****8002"}


async def test_each_task_has_its_own_current_span(tmp_path: Path) -> None:
    seen: dict[str, str | None] = {}
    both_inside = asyncio.Barrier(2)

    async def work(parent: str) -> None:
        with internal_span("work", parent) as span:
            await both_inside.wait()
            seen[span.traceparent] = current_traceparent()

    async with recording(tmp_path), asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(work(SAMPLED))
        group.create_task(work(ALSO_SAMPLED))

    assert len(seen) == 2
    assert all(inside == current for inside, current in seen.items())
    assert current_traceparent() is None


async def test_a_half_written_line_is_skipped(tmp_path: Path) -> None:
    async with recording(tmp_path):
        with internal_span("work", SAMPLED):
            pass
    with (tmp_path / "identity.jsonl").open("a") as file:
        file.write(f'{{"trace_id":"{TRACE}","span_')
    async with recording(tmp_path):
        for name in ("swallowed by the torn line", "after the restart"):
            with internal_span(name, SAMPLED):
                pass

    found = [span.name for span in read_spans(tmp_path, TRACE)]

    assert found == ["work", "after the restart"]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_collector_receives_the_spans_by_otlp(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port}")

    async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(free_port)) as tap:

        async def arrival(wanted: Callable[[Span], bool]) -> Span:
            return await tap.await_trace(wanted, timeout=15)

        async with asyncio.TaskGroup() as group:
            in_trace = group.create_task(arrival(lambda span: span.trace_id.hex() == TRACE))
            in_batch = group.create_task(arrival(lambda span: span.name.endswith(" batch")))
            async with recording(None):
                with process_batch("identity-LeadReceived", EVENT, [SAMPLED, ALSO_SAMPLED]):
                    pass

    one, batch = in_trace.result(), in_batch.result()
    assert one.name == "process LeadReceived"
    assert one.parent_span_id.hex() == "00f067aa0ba902b7"
    assert one.kind == one.SPAN_KIND_CONSUMER
    assert one.span_id in [link.span_id for link in batch.links]
    assert one.end_time_unix_nano >= one.start_time_unix_nano


async def test_a_collector_that_is_away_does_not_hold_up_the_end(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{free_port}/v1")
    telemetry = Telemetry("identity", spans_dir=None, flush_deadline_s=0.2)
    await telemetry.start()
    with internal_span("work", SAMPLED):
        pass

    async with asyncio.timeout(2):
        await telemetry.stop()

    assert telemetry.problem() is None


def test_a_bound_metric_is_the_labelled_child_and_is_rendered_with_its_unit() -> None:
    child = bound(RPC_DURATION_S, "acme.v1.Rights/Check", "OK")
    child.observe(0.003)

    assert child is bound(RPC_DURATION_S, "acme.v1.Rights/Check", "OK")
    line = (
        'leadchain_rpc_server_duration_seconds_count{code="OK",method="acme.v1.Rights/Check"} 1.0'
    )
    assert line in render().decode()


def test_every_metric_explains_itself_and_has_no_unbounded_label() -> None:
    catalogue = [
        metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)
    ]

    assert catalogue
    for metric in catalogue:
        (family,) = metric.describe()
        assert family.name.startswith("leadchain_")
        assert family.documentation.endswith(".")
        assert set(metric._labelnames) <= _FEW_VALUED_LABELS  # noqa: SLF001 - no public way to ask
