"""RPCs of engagement; one module for each noun."""

from engagement.rpc import opportunities

__all__ = ["opportunities"]
