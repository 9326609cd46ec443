"""Sends spans to a collector by OTLP over HTTP, as the `OTEL_EXPORTER_OTLP_*` variables say.

The SDK's exporter, bounded queue and retry do the work; records become the SDK's spans on the way
in (5 µs each).
"""

import os
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_SCHEDULE_DELAY
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from servicekit.telemetry.records import SpanRecord

# The SDK's 2,048 spans are half a second of a busy service.
_QUEUE_MAX = 16_384
_SEND_EVERY_MS = 1_000

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("servicekit")
_STATUSES: Final = {"UNSET": Status(StatusCode.UNSET), "ERROR": Status(StatusCode.ERROR)}


class CollectorExport:
    """A bounded queue of finished spans and the SDK's thread that sends them to the collector."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._exporter = OTLPSpanExporter()
        self._batches = BatchSpanProcessor(
            self._exporter,
            max_queue_size=None if OTEL_BSP_MAX_QUEUE_SIZE in os.environ else _QUEUE_MAX,
            schedule_delay_millis=None if OTEL_BSP_SCHEDULE_DELAY in os.environ else _SEND_EVERY_MS,
        )

    def take(self, record: SpanRecord) -> None:
        """Queue one span; when the queue is full the SDK drops one and logs it."""
        self._batches.on_end(_readable(record, self._resource))

    def close(self) -> None:
        """Send what waits and end the thread; blocks until done or refused."""
        self._batches.shutdown()  # type: ignore[no-untyped-call] # untyped in the SDK

    def abandon(self) -> None:
        """Give up on what waits: interrupts a send that is being retried."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # untyped in the SDK


def _readable(record: SpanRecord, resource: Resource) -> ReadableSpan:
    parent_id = record.parent_id
    return ReadableSpan(
        name=record.name,
        context=_context(record.trace_id, record.span_id, is_remote=False),
        parent=None if parent_id is None else _context(record.trace_id, parent_id, is_remote=True),
        resource=resource,
        attributes=record.attributes,
        links=[Link(_context(*link, is_remote=True)) for link in record.links],
        kind=SpanKind[record.kind],
        status=_STATUSES[record.status],
        start_time=record.start_ns,
        end_time=record.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, _SAMPLED)
