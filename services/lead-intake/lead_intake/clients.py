"""Others as lead-intake sees them: what it asks of services and of its senders' APIs."""

from __future__ import annotations

from lead_intake.vendors.graph import FetchFailed, GraphApi

__all__ = ["FetchFailed", "GraphApi"]
