"""Permissions as assignment sees it: who may put other rules into force."""

from accesskit.approvals import Approvals

__all__ = ["Approvals"]
