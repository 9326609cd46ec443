"""The life of one span: where it hangs, that it is current while its block runs, how it ends."""

from collections.abc import Sequence
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opentelemetry.trace import SpanKind

from servicekit.telemetry.context import current, is_sampled, new_span_ids, normalised
from servicekit.telemetry.records import (
    RECORDER,
    Attribute,
    SpanRecord,
    error_type_of,
    guarded,
    guarded_text,
)

if TYPE_CHECKING:
    from contextvars import Token


class Span:
    """An operation being timed, as a context manager; current for the block's duration.

    In a trace that is not sampled it only makes the incoming context current. `traceparent` names
    the span (or, unsampled, the passed-on context): store it with what the operation causes. An
    exception that leaves the block is recorded by type and goes on.
    """

    __slots__ = (
        "_attributes",
        "_error_type",
        "_kind",
        "_links",
        "_name",
        "_parent_id",
        "_recorded",
        "_start_ns",
        "_token",
        "traceparent",
    )

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        attributes: dict[str, Attribute],
        links: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._recorded = False
        self._parent_id: str | None = None
        if parent is None:
            self.traceparent = RECORDER.root(name, kind, attributes)
            self._recorded = is_sampled(self.traceparent)
        elif RECORDER.enabled and is_sampled(parent):
            self.traceparent = f"{parent[:36]}{new_span_ids(1)[0]}{parent[52:]}"
            self._parent_id = parent[36:52]
            self._recorded = True
        else:
            self.traceparent = parent
        self._name, self._kind = name, kind
        self._attributes, self._links = attributes, links
        self._error_type: str | None = None
        self._token: Token[str | None] | None = None

    @property
    def recorded(self) -> bool:
        """Whether the span will be exported."""
        return self._recorded

    def set_attribute(self, key: str, value: Attribute) -> None:
        """Add one fact; personal data in it is masked when the span ends."""
        if self._recorded:
            self._attributes[key] = value

    def fail(self, error_type: str) -> None:
        """End in error of this type: an exception's name or a protocol's code, never a message."""
        self._error_type = error_type

    def __enter__(self) -> Self:
        self._token = current.set(self.traceparent)
        self._start_ns = time_ns() if self._recorded else 0
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            current.reset(self._token)
        if self._recorded:
            if error is not None and self._error_type is None:
                self._error_type = error_type_of(error)
            RECORDER.take(self._record())

    def _record(self) -> SpanRecord:
        attributes = guarded(self._attributes)
        if self._error_type is not None:
            attributes["error.type"] = guarded_text(self._error_type)
        return SpanRecord(
            self.traceparent[3:35],
            self.traceparent[36:52],
            self._parent_id,
            RECORDER.service,
            guarded_text(self._name),
            self._kind.name,
            self._start_ns,
            max(time_ns(), self._start_ns),
            "UNSET" if self._error_type is None else "ERROR",
            attributes,
            self._links,
        )


class NoSpan:
    """Stands where nothing is recorded and the current context stays as it is."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


NO_SPAN = NoSpan()


def internal_span(name: str, parent: str | None = None, **attributes: Attribute) -> Span:
    """A worker's step on stored work, continuing the `traceparent` stored with it.

    Without a usable parent it is a child of the current span, or else the root of a new trace.
    Keyword names become attribute keys with `__` read as a dot (`lead__id` is `lead.id`).
    """
    facts = {key.replace("__", "."): value for key, value in attributes.items()}
    above = normalised(parent) or current.get()
    return Span(name, SpanKind.INTERNAL, parent=above, attributes=facts)


def db_span(
    summary: str,
    *,
    system: str = "postgresql",
    namespace: str | None = None,
    batch_size: int | None = None,
) -> Span | NoSpan:
    """A database call inside a recorded span; nothing at all elsewhere (0.3 µs).

    `summary` is low-cardinality text like `INSERT leads`, never the statement's values.
    `batch_size` counts statements or rows sent as one; it is recorded from 2 up, as the database
    conventions ask.
    """
    parent = current.get()
    if parent is None or not RECORDER.enabled or not is_sampled(parent):
        return NO_SPAN
    attributes: dict[str, Attribute] = {"db.system.name": system, "db.query.summary": summary}
    if namespace is not None:
        attributes["db.namespace"] = namespace
    if batch_size is not None and batch_size > 1:
        attributes["db.operation.batch.size"] = batch_size
    return Span(summary, SpanKind.CLIENT, parent=parent, attributes=attributes)
