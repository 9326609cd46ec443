"""What is known of one finished operation, and where finished operations go.

Hidden decision: a span is a plain tuple until it is exported. Creating and ending a span of the SDK
costs 22 µs, a record 1 µs (measured on the project's 2-core machine); the SDK supplies the sampler,
the resource, the batching and OTLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from servicekit.masking import mask_text, mask_value
from servicekit.telemetry.context import new_span_ids, new_trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import SpanKind

Attribute = str | int | float | bool
Attributes = Mapping[str, Attribute]


class SpanRecord(NamedTuple):
    """One finished span, its times in Unix nanoseconds.

    `kind` is INTERNAL, SERVER, CLIENT, PRODUCER or CONSUMER and `status` UNSET or ERROR;
    `parent_id` is None for a root; `links` are `(trace_id, span_id)` pairs; an error's type is the
    attribute `error.type`.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    attributes: Attributes
    links: Sequence[tuple[str, str]]


class SpanSink(Protocol):
    """Where finished spans go; taking one must neither block nor raise."""

    def take(self, record: SpanRecord) -> None:
        """Queue one finished span for export; drop it when the queue is full."""


class Recorder:
    """Whether and where this process records spans; off until a `Telemetry` starts."""

    __slots__ = ("_sampler", "_sink", "enabled", "service")

    def __init__(self) -> None:
        self.enabled = False
        self.service = ""
        self._sampler: Sampler | None = None
        self._sink: SpanSink | None = None

    def attach(self, service: str, sampler: Sampler, sink: SpanSink) -> None:
        """Record from now on; a later attachment replaces an earlier one."""
        self.service, self._sampler, self._sink, self.enabled = service, sampler, sink, True

    def detach(self, sink: SpanSink) -> None:
        """Stop recording, unless another sink has taken over."""
        if self._sink is sink:
            self.enabled, self._sampler, self._sink = False, None, None

    def root(self, name: str, kind: SpanKind, attributes: Attributes) -> str:
        """The `traceparent` of a new trace; the configured sampler decides its flag."""
        trace_id = new_trace_id()
        sampled = False
        if self._sampler is not None:
            verdict = self._sampler.should_sample(None, int(trace_id, 16), name, kind, attributes)
            sampled = verdict.decision.name == "RECORD_AND_SAMPLE"
        return f"00-{trace_id}-{new_span_ids(1)[0]}-{'01' if sampled else '00'}"

    def take(self, record: SpanRecord) -> None:
        """Hand a finished span to the sink, if there still is one."""
        if self._sink is not None:
            self._sink.take(record)


RECORDER = Recorder()
"""The process's recorder; a process is one service, as it has one standard output."""


def guarded(attributes: Attributes) -> dict[str, Attribute]:
    """The attributes with personal data masked; texts repeat, so verdicts are remembered."""
    return {key: _guarded_value(value) for key, value in attributes.items()}


def error_type_of(error: type[BaseException]) -> str:
    """An exception's full type name; its text may hold anything and is never recorded."""
    if error.__module__ == "builtins":
        return error.__qualname__
    return f"{error.__module__}.{error.__qualname__}"


def _guarded_value(value: Attribute) -> Attribute:
    if isinstance(value, str):
        return guarded_text(value)
    if isinstance(value, bool | float):
        return value
    masked = mask_value(value)
    return masked if isinstance(masked, int) else str(masked)


@lru_cache(maxsize=2048)
def guarded_text(text: str) -> str:
    """A span name or attribute text with personal data masked."""
    return mask_text(text)
