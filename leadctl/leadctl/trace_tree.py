"""Shows a trace as a tree: who called whom, when it began after the first span, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from servicekit.telemetry import SpanRecord

NS_PER_MS = 1e6
LINKS_SHOWN_MAX = 4


def render_trace(console: Console, trace_id: str, spans: Sequence[SpanRecord]) -> None:
    """The spans of one trace, in the order they started under their parents."""
    names = {span.span_id: f"{span.service} {span.name}" for span in spans}
    began_ns = min(span.start_ns for span in spans)
    services = len({span.service for span in spans})
    tree = Tree(f"trace {trace_id}: {len(spans)} spans, {services} services")
    branches: dict[str, Tree] = {}
    for span in parents_first(spans):
        above = branches.get(span.parent_id or "", tree)
        branches[span.span_id] = above.add(_label(span, began_ns, names))
    console.print(tree)


def span_rows(spans: Sequence[SpanRecord]) -> list[dict[str, Any]]:
    """The spans for programs: times in milliseconds after the first span's start."""
    began_ns = min(span.start_ns for span in spans)
    return [
        {
            **span._asdict(),
            "start_ms": (span.start_ns - began_ns) / NS_PER_MS,
            "duration_ms": (span.end_ns - span.start_ns) / NS_PER_MS,
        }
        for span in parents_first(spans)
    ]


def parents_first(spans: Sequence[SpanRecord]) -> list[SpanRecord]:
    """The spans with every parent before its children; children in the order they started.

    A span whose parent is not among them (lost in a crash, or made by a caller) is a root.
    """
    known = {span.span_id for span in spans}
    children: dict[str | None, list[SpanRecord]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns, reverse=True):
        parent = span.parent_id if span.parent_id in known else None
        children.setdefault(parent, []).append(span)
    ordered: list[SpanRecord] = []
    waiting = children.get(None, [])
    while waiting:
        span = waiting.pop()
        ordered.append(span)
        waiting.extend(children.pop(span.span_id, ()))
    return ordered


def _label(span: SpanRecord, began_ns: int, names: dict[str, str]) -> str:
    start_ms = (span.start_ns - began_ns) / NS_PER_MS
    duration_ms = (span.end_ns - span.start_ns) / NS_PER_MS
    colour = "red" if span.status == "ERROR" else "cyan"
    error = f" [red]{escape(str(span.attributes.get('error.type', 'error')))}[/]"
    return (
        f"[{colour}]{escape(span.service)}[/] {escape(span.name)}"
        f"  [dim]+{start_ms:.1f} ms, {duration_ms:.2f} ms[/]"
        f"{error if span.status == 'ERROR' else ''}{_links(span, names)}"
    )


def _links(span: SpanRecord, names: dict[str, str]) -> str:
    shown = [
        names.get(span_id, f"span {span_id} of trace {trace_id}")
        for trace_id, span_id in span.links[:LINKS_SHOWN_MAX]
    ]
    more = len(span.links) - len(shown)
    if more > 0:
        shown.append(f"{more} more")
    return f" [dim]links {escape(', '.join(shown))}[/]" if shown else ""
