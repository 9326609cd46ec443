"""Every table, for migrations."""

from reporting.store import assignment_rows, lead_rows, seal_rows, settlement_rows
from reporting.store.schema import Base

__all__ = ["Base", "assignment_rows", "lead_rows", "seal_rows", "settlement_rows"]
