"""Spans of time that requests ask for."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from reporting.domain.books import Span

if TYPE_CHECKING:
    from datetime import datetime


def span(request: Any) -> Span:
    """The span that a request asks for."""
    return Span(time(request, "since"), time(request, "until"))


def hours(request: Any) -> Span:
    """The span that a request asks for, from the start of an hour on."""
    since = time(request, "since")
    start = since.replace(minute=0, second=0, microsecond=0) if since else None
    return Span(start, time(request, "until"))


def time(request: Any, field: str) -> datetime | None:
    """A time of a request; None when absent."""
    return getattr(request, field).ToDatetime(tzinfo=UTC) if request.HasField(field) else None
