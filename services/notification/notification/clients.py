"""Permissions as notification sees it: who works here, and who leads whom. Roles are never asked about (PM-12)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

from notification.domain.people import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accesskit.facts import Fact
    from accesskit.relations.listing import Tree
    from accesskit.replica import Replica


class Staff:
    """What the replica of permissions in this process states of people; what it last heard, however long ago."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    def standing(self, person_id: str) -> Standing:
        """Whether somebody works here; who is unknown is taken to."""
        known = self._replica.engine.principal(person_id)
        return Standing.ACTIVE if known is None else Standing(known.status)

    def manager(self, person_id: str) -> str:
        """Who leads somebody; empty when nobody is stated."""
        try:
            tree = self._replica.engine.expand("user", person_id, "manager", now_s=time.time())
        except Invalid:
            return ""
        named = sorted(fact.subject_id for fact in _facts(tree)) if tree is not None else []
        return named[0] if named else ""


def _facts(tree: Tree) -> Iterator[Fact]:
    yield from tree.facts
    for part in tree.parts:
        yield from _facts(part)
