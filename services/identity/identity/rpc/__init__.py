"""RPCs of identity; one module for each noun."""

from identity.rpc import backfills, identity

__all__ = ["backfills", "identity"]
