"""Rows and statements of lead-intake, by noun: accounts, deliveries, items."""

from lead_intake.store.rows import Base

__all__ = ["Base"]
