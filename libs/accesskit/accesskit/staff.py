"""Who works here and who leads whom, as the replica of permissions in this process states it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accesskit.facts import Fact
    from accesskit.relations.listing import Tree
    from accesskit.replica import Replica


class Staff:
    """What was last heard of people, however long ago."""

    def __init__(self, replica: Replica) -> None:
        # The replica has another engine after each snapshot.
        self._replica = replica

    def status(self, person_id: str) -> str:
        """active, suspended or departed; empty for who is unknown."""
        known = self._replica.engine.principal(person_id)
        return "" if known is None else known.status

    def roles(self, person_id: str) -> frozenset[str]:
        """The roles that somebody has; none of who is unknown."""
        return self._replica.engine.roles(person_id, now_s=time.time())

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
