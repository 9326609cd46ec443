"""One trace across services: contexts, spans by kind of work, and where spans go.

Who only calls others, as commands do, pays for no SDK and no metrics: what records or reads spans is imported when it
is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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
from servicekit.telemetry.message_spans import MessageBatch, process_batch, send_batch
from servicekit.telemetry.records import SpanRecord
from servicekit.telemetry.spans import NoSpan, Span, db_span, internal_span

if TYPE_CHECKING:
    from servicekit.telemetry.lifecycle import Telemetry, configure_telemetry
    from servicekit.telemetry.span_files import read_spans

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

_WHEN_ASKED_FOR = {
    "Telemetry": "servicekit.telemetry.lifecycle",
    "configure_telemetry": "servicekit.telemetry.lifecycle",
    "read_spans": "servicekit.telemetry.span_files",
}


def __getattr__(name: str) -> object:
    """What is imported when it is asked for; raises AttributeError for anything else."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    return found
