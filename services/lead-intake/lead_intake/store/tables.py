"""All tables of lead-intake, for its migrations; what serves speaks SQL and imports none of this."""

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
