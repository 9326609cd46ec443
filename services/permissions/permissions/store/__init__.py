"""Rows, queries, and rows to domain and back; one module for each noun."""

from permissions.store import audit, facts, leases, policies, principals, sessions
from permissions.store.tables import Base

__all__ = ["Base", "audit", "facts", "leases", "policies", "principals", "sessions"]
