"""`leadctl rules`: who gets which lead is checked, tried on real leads, published and taken back."""

from leadctl.rules.commands import rules_app

__all__ = ["rules_app"]
