"""RPCs of identity; one module for each noun."""

from identity.rpc import identity

__all__ = ["identity"]
