"""Consent as a customer gave it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to: the notice's version, the purposes, the basis in law, and when (None where not said)."""

    notice_version: str
    purposes: tuple[str, ...] = ("contact",)
    basis: str = "consent"
    at: datetime | None = None
