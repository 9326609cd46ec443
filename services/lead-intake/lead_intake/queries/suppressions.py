"""The suppression list in memory: asked for every lead, so it is kept whole, opened to nobody, a second old at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.domain.suppressions import Purpose
from lead_intake.store import suppressions as store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicekit.database import Database

    from lead_intake.domain.subjects import Point
    from lead_intake.domain.suppressions import Suppression

REFRESH_S = 1.0
CHANGES_AT_ONCE = 5000


class Suppressions:
    """Who is left alone, and for what. A part of a service: `start` reads the list, `refresh` what has changed of it.

    An entry takes about 120 bytes, so a million of them 120 MB.
    """

    name = "suppressions"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._digests: dict[Purpose, set[bytes]] = {purpose: set() for purpose in Purpose}
        self._revision = 0
        self._is_read = False

    def holds(self, points: Iterable[Point], purpose: Purpose) -> bool:
        """Whether one of the points is left alone for this purpose, or for everything."""
        everything, asked = self._digests[Purpose.ALL], self._digests[purpose]
        return any(point.digest in everything or point.digest in asked for point in points)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is left alone."""
        return not any(self._digests.values())

    async def refresh(self) -> bool:
        """One step of the worker that keeps the list fresh; says whether there is more to read."""
        async with self._database.raw() as raw:
            newest = await store.revision(raw)
            if newest == self._revision:
                self._is_read = True
                return False
            changed = await store.changed_since(raw, self._revision, limit=CHANGES_AT_ONCE)
        for entry in changed:
            self._apply(entry)
        if len(changed) == CHANGES_AT_ONCE:
            self._revision = changed[-1].revision
            return True
        # What was committed since the revision was read may be here too, and comes again without harm.
        self._revision, self._is_read = newest, True
        return False

    async def start(self) -> None:
        """Reads the whole list."""
        while await self.refresh():
            pass

    async def stop(self) -> None:
        """Forgets the list."""
        for digests in self._digests.values():
            digests.clear()
        self._revision, self._is_read = 0, False

    def problem(self) -> str | None:
        """Why it cannot be said yet who is left alone."""
        return None if self._is_read else "not read"

    def _apply(self, entry: Suppression) -> None:
        if entry.lifted_at is None:
            self._digests[entry.purpose].add(entry.index)
        else:
            self._digests[entry.purpose].discard(entry.index)
