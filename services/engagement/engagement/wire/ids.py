"""Ids as callers name them."""

from __future__ import annotations

from uuid import UUID

from servicekit.errors import Invalid


def uuid(text: str, name: str) -> UUID:
    """The id in a field of a request; raises `Invalid`, which names the field."""
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{name} is not a UUID") from None
