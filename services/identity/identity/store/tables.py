"""Every table, for migrations."""

from identity.store import (
    rows_backfills,
    rows_facts,
    rows_golden,
    rows_stewardship,
    rows_systems,
    rows_tags,
)
from identity.store.rows import Base

__all__ = [
    "Base",
    "rows_backfills",
    "rows_facts",
    "rows_golden",
    "rows_stewardship",
    "rows_systems",
    "rows_tags",
]
