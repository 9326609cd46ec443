"""Rows, queries, and rows to domain and back; one module for each noun."""

from permissions.store import (
    approvals,
    audit,
    checkpoints,
    decisions,
    disagreements,
    export_pages,
    exports,
    facts,
    leases,
    offboarding,
    policies,
    principals,
    privacy,
    replicas,
    sessions,
)
from permissions.store.tables import Base

__all__ = [
    "Base",
    "approvals",
    "audit",
    "checkpoints",
    "decisions",
    "disagreements",
    "export_pages",
    "exports",
    "facts",
    "leases",
    "offboarding",
    "policies",
    "principals",
    "privacy",
    "replicas",
    "sessions",
]
