"""RPCs of reporting; one module for each service."""

from reporting.rpc import rates, reporting, settlements

__all__ = ["rates", "reporting", "settlements"]
