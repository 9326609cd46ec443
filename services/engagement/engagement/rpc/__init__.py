"""RPCs of engagement; one module for each noun."""

from engagement.rpc import (
    behaviours,
    follow_ups,
    opportunities,
    recordings,
    stages,
    standings,
    tasks,
    visits,
    watches,
)

__all__ = [
    "behaviours",
    "follow_ups",
    "opportunities",
    "recordings",
    "stages",
    "standings",
    "tasks",
    "visits",
    "watches",
]
