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

__all__ = [
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
