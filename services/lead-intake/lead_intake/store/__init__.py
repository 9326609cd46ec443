"""Rows and statements of lead-intake, by noun: accounts, deliveries, items."""

from lead_intake.store import (
    rows_forms,
    rows_imports,
    rows_mappings,
    rows_privacy,
    rows_silence,
    rows_sync,
)
from lead_intake.store.rows import Base

__all__ = [
    "Base", "rows_forms", "rows_imports", "rows_mappings", "rows_privacy", "rows_silence", "rows_sync",
]  # fmt: skip
