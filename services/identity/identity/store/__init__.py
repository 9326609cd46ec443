"""Rows, queries, and rows to domain and back; one module for each noun."""

from identity.store import rows_systems
from identity.store.rows import Base

__all__ = ["Base", "rows_systems"]
