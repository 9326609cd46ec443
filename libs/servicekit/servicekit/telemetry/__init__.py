"""One trace across services: contexts, spans by kind of work, and where spans go."""

from servicekit.telemetry.call_spans import (
    HttpSpan,
    RpcSpan,
    http_client_span,
    http_server_span,
    inject_headers,
    inject_metadata,
    rpc_client_span,
    rpc_server_span,
)
from servicekit.telemetry.context import (
    TraceContext,
    current_span_id,
    current_trace_id,
    current_traceparent,
)
from servicekit.telemetry.lifecycle import Telemetry, configure_telemetry
from servicekit.telemetry.message_spans import MessageBatch, process_batch, send_batch
from servicekit.telemetry.records import SpanRecord
from servicekit.telemetry.span_files import read_spans
from servicekit.telemetry.spans import NoSpan, Span, db_span, internal_span

__all__ = [
    "HttpSpan",
    "MessageBatch",
    "NoSpan",
    "RpcSpan",
    "Span",
    "SpanRecord",
    "Telemetry",
    "TraceContext",
    "configure_telemetry",
    "current_span_id",
    "current_trace_id",
    "current_traceparent",
    "db_span",
    "http_client_span",
    "http_server_span",
    "inject_headers",
    "inject_metadata",
    "internal_span",
    "process_batch",
    "read_spans",
    "rpc_client_span",
    "rpc_server_span",
    "send_batch",
]
