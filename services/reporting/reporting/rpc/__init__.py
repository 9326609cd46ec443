"""RPCs of reporting; one module for each service."""

from reporting.rpc import reporting

__all__ = ["reporting"]
