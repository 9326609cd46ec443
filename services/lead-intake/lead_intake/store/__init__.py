"""Rows and statements of lead-intake, by noun: accounts, deliveries, items."""
