"""Every table, for migrations."""

from reporting.store import lead_rows, seal_rows
from reporting.store.schema import Base

__all__ = ["Base", "lead_rows", "seal_rows"]
