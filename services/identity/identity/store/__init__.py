"""Rows, queries, and rows to domain and back; one module for each noun."""

from identity.store import acts, fact_rows, reviews, rows_golden, rows_systems
from identity.store.rows import Base

__all__ = ["Base", "acts", "fact_rows", "reviews", "rows_golden", "rows_systems"]
