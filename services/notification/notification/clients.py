"""Permissions as notification sees it: who works here, and who leads whom. Roles are never asked about (PM-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.staff import Staff

from notification.domain.people import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Staff", "standing_by"]


def standing_by(staff: Staff) -> Callable[[str], Standing]:
    """Whether somebody works here, by what permissions states; who is unknown is taken to."""

    def standing(person_id: str) -> Standing:
        return Standing(staff.status(person_id) or Standing.ACTIVE)

    return standing
