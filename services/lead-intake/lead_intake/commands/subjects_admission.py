"""People at the door: who is left alone is not let in, and of everybody else it is kept how to find them again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lead_intake.commands import consents, retention, subjects
from lead_intake.domain.leads import Rejected, RejectReason, Understood
from lead_intake.domain.suppressions import Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import Item
    from lead_intake.queries.suppressions import Suppressions
    from lead_intake.seals import Seals


@dataclass(frozen=True, slots=True)
class People:
    """What the keeping of items asks about their people: the suppression list and the keys of its names."""

    suppressions: Suppressions
    seals: Seals

    def admitted(self, found: Sequence[Item]) -> list[Item]:
        """The items; leads of people who are left alone are rejected as suppressed, before anything is written."""
        if self.suppressions.is_empty:
            return list(found)
        return [self._admitted(item) for item in found]

    async def keep(self, uow: UnitOfWork, kept: Sequence[Item]) -> None:
        """Keeps, for items that were written, how they name their people and what these agreed to.

        In the transaction that wrote the items. Bodies in which suppressed leads came go at once.
        """
        named = [
            (item, subjects.points_of(contact, self.seals))
            for item in kept
            if (contact := subjects.contact_in(item.finding)) is not None
        ]
        await subjects.record_points(uow, named)
        await consents.record(uow, named)
        await retention.drop_suppressed_bodies(uow, kept)

    def _admitted(self, item: Item) -> Item:
        finding = item.finding
        if not isinstance(finding, Understood):
            return item
        points = subjects.points_of(finding.inquiry.contact, self.seals)
        if not self.suppressions.holds(points, Purpose.CONTACT):
            return item
        return replace(item, finding=Rejected(RejectReason.SUPPRESSED, finding.external_id))
