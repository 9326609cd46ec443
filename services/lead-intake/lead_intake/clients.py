"""Others as lead-intake sees them: the consent that permissions keeps, and its senders' APIs."""

from __future__ import annotations

from accesskit.approvals import ApprovalRequired, Approvals

from lead_intake.vendors.graph import FetchFailed, GraphApi

__all__ = ["ApprovalRequired", "Approvals", "FetchFailed", "GraphApi"]
