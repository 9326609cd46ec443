"""Every table, for migrations."""

from engagement.store import follow_up_rows, opportunity_rows
from engagement.store.base import Base

__all__ = ["Base", "follow_up_rows", "opportunity_rows"]
