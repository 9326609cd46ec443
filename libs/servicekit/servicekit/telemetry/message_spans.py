"""Spans of messages: many in one transaction or publish, each in its own trace.

A message's `process` span is a child of the message's own context, so the lead's trace stays one
tree; what the handlers of several messages share (statements, the commit) hangs under one batch
span, in a trace of its own, that links them. Attribute names are those of the messaging conventions
of schema 1.44; they list no value for NATS, `nats` is ours.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from opentelemetry.trace import SpanKind

from servicekit.telemetry.context import current, is_sampled, new_span_ids, new_trace_id, normalised
from servicekit.telemetry.records import (
    RECORDER,
    Attribute,
    SpanRecord,
    error_type_of,
    guarded,
    guarded_text,
)
from servicekit.telemetry.spans import NO_SPAN, NoSpan, Span

if TYPE_CHECKING:
    from contextvars import Token

_TRACEPARENT_CHARS: Final = 55
_LINKS_MAX: Final = 128  # the SDK's limit per span


class MessageBatch:
    """The messages of one transaction, as a context manager around their handlers.

    With one sampled message its own span is current while the handler runs; with several, the batch
    span; with none, the first message's context is passed on and nothing is created.
    """

    __slots__ = (
        "_batch_traceparent",
        "_consumer",
        "_destination",
        "_error_type",
        "_received",
        "_spans",
        "_start_ns",
        "_token",
    )

    def __init__(self, consumer: str, destination: str, traceparents: Sequence[str | None]) -> None:
        self._consumer, self._destination = consumer, destination
        self._received = traceparents
        self._spans: dict[int, str] = {}
        self._batch_traceparent: str | None = None
        self._error_type: str | None = None
        self._start_ns = 0
        self._token: Token[str | None] | None = None

    def traceparent_of(self, index: int) -> str | None:
        """The context for events that message `index` causes.

        That is its process span, or the message's own context when it is not sampled.
        """
        own = self._spans.get(index)
        return normalised(self._received[index]) if own is None else own

    def fail(self, error_type: str) -> None:
        """End every span of the batch in error of this type, as after a rollback."""
        self._error_type = error_type

    def __enter__(self) -> Self:
        if RECORDER.enabled:
            self._spans = _process_spans(self._received)
        if self._spans:
            self._start_ns = time_ns()
            if len(self._spans) > 1:
                self._batch_traceparent = f"00-{new_trace_id()}-{new_span_ids(1)[0]}-01"
        self._token = current.set(self._context_of_the_handlers())
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            current.reset(self._token)
        if self._spans:
            if error is not None and self._error_type is None:
                self._error_type = error_type_of(error)
            self._record_all(time_ns())

    def _context_of_the_handlers(self) -> str | None:
        if self._batch_traceparent is not None:
            return self._batch_traceparent
        if self._spans:
            return next(iter(self._spans.values()))
        first = next((tp for tp in self._received if tp is not None), None)
        return current.get() if first is None else normalised(first)

    def _record_all(self, end_ns: int) -> None:
        event = self._destination.rpartition(".")[2]
        attributes = self._attributes()
        for index, traceparent in self._spans.items():
            parent_id = str(self._received[index])[36:52]
            self._record(f"process {event}", traceparent, parent_id, end_ns, attributes, ())
        if self._batch_traceparent is not None:
            attributes = {**attributes, "messaging.batch.message_count": len(self._received)}
            links = _links(self._spans.values())
            self._record(
                f"process {event} batch", self._batch_traceparent, None, end_ns, attributes, links
            )

    def _attributes(self) -> dict[str, Attribute]:
        attributes = guarded(
            {
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": self._destination,
                "messaging.consumer.group.name": self._consumer,
            }
        )
        if self._error_type is not None:
            attributes["error.type"] = guarded_text(self._error_type)
        return attributes

    def _record(
        self,
        name: str,
        traceparent: str,
        parent_id: str | None,
        end_ns: int,
        attributes: dict[str, Attribute],
        links: Sequence[tuple[str, str]],
    ) -> None:
        RECORDER.take(
            SpanRecord(
                traceparent[3:35],
                traceparent[36:52],
                parent_id,
                RECORDER.service,
                name,
                "CONSUMER",
                self._start_ns,
                max(end_ns, self._start_ns),
                "UNSET" if self._error_type is None else "ERROR",
                attributes,
                links,
            )
        )


def process_batch(
    consumer: str, destination: str, traceparents: Sequence[str | None]
) -> MessageBatch:
    """The spans of a batch: `consumer` is the durable's name, `destination` the event's full name.

    `traceparents` are the messages' headers in order, None where a message has none; such a message
    gets no span.
    """
    return MessageBatch(consumer, destination, traceparents)


def send_batch(destination: str, traceparents: Sequence[str | None]) -> Span | NoSpan:
    """The relay's publish of one batch: a `send` span in a trace of its own.

    It links the sampled rows; when none is sampled nothing is created. The rows keep their own
    contexts: a message's consumer is caused by the handler that wrote it, not by the relay.
    """
    if not RECORDER.enabled:
        return NO_SPAN
    sampled = _sampled(traceparents)
    if not sampled:
        return NO_SPAN
    attributes: dict[str, Attribute] = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": destination,
        "messaging.batch.message_count": len(traceparents),
    }
    return Span(
        f"send {destination}",
        SpanKind.PRODUCER,
        parent=None,
        attributes=attributes,
        links=_links(sampled.values()),
    )


def _sampled(traceparents: Sequence[str | None]) -> dict[int, str]:
    """The well-formed sampled contexts by their place; costs an unsampled one 0.1 µs."""
    return {
        index: traceparent
        for index, traceparent in enumerate(traceparents)
        if traceparent is not None
        and len(traceparent) == _TRACEPARENT_CHARS
        and is_sampled(traceparent)
        and normalised(traceparent) is not None
    }


def _process_spans(traceparents: Sequence[str | None]) -> dict[int, str]:
    """A process span's `traceparent` for each sampled message, by its place in the batch."""
    sampled = _sampled(traceparents)
    span_ids = new_span_ids(len(sampled))
    return {
        index: f"{traceparent[:36]}{span_id}{traceparent[52:]}"
        for (index, traceparent), span_id in zip(sampled.items(), span_ids, strict=True)
    }


def _links(traceparents: Iterable[str]) -> list[tuple[str, str]]:
    return [(tp[3:35], tp[36:52]) for tp in islice(traceparents, _LINKS_MAX)]
