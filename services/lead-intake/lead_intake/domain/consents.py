"""Consent as a customer gave it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to: the notice's version, the purposes, the basis in law, and when (None where not said)."""

    notice_version: str
    purposes: tuple[str, ...] = ("contact",)
    basis: str = "consent"
    at: datetime | None = None


class ConsentEvent(IntEnum):
    """What a receipt states; the numbers are kept in the database."""

    GIVEN = 1
    WITHDRAWN = 2


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt of one person. A withdrawal has no lead, delivery or form; no purposes of it means all.

    `ended_at` is when a withdrawal or an erasure ended a consent; None while it is in force.
    """

    consent_id: UUID
    event: ConsentEvent
    consent: Consent
    recorded_at: datetime
    recorded_by: str
    lead_id: UUID | None = None
    delivery_id: UUID | None = None
    form_version: str = ""
    ended_at: datetime | None = None
