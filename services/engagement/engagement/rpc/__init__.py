"""RPCs of engagement; one module for each noun."""

from engagement.rpc import follow_ups, opportunities

__all__ = ["follow_ups", "opportunities"]
