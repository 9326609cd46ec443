"""Every table, for migrations."""

from engagement.store import (
    behaviour_rows,
    follow_up_rows,
    opportunity_rows,
    recording_rows,
    stage_rows,
    standing_rows,
    task_rows,
    watch_rows,
)
from engagement.store.schema import Base

__all__ = [
    "Base",
    "behaviour_rows",
    "follow_up_rows",
    "opportunity_rows",
    "recording_rows",
    "stage_rows",
    "standing_rows",
    "task_rows",
    "watch_rows",
]
