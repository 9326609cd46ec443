"""Who is left alone, and for what. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - part of the dataclasses

if TYPE_CHECKING:
    from datetime import datetime

    from lead_intake.domain.subjects import Point, PointKind


class Purpose(IntEnum):
    """For what somebody is left alone; the numbers are those of the contract and of the database."""

    MARKETING = 1
    CONTACT = 2
    ALL = 3


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """People to leave alone, why, and who says so."""

    points: tuple[Point, ...]
    purpose: Purpose
    reason: str
    suppressed_by: str
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry of the list, in force or lifted."""

    index: bytes
    kind: PointKind
    purpose: Purpose
    reason: str
    suppressed_by: str
    suppressed_at: datetime
    request_id: UUID | None
    lifted_at: datetime | None
    lifted_by: str | None
    revision: int
