"""Which resources of a type there are: those that a fact or a lease speaks of, in order."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from accesskit.changes import LeasePut
from accesskit.relations import Relations

_WORTH_SHARE: Final = 6


class Known(msgspec.Struct, frozen=True):
    """The ids of one type. `ordered` are all of `ids` in byte order; neither is ever changed."""

    ids: set[str]
    ordered: tuple[str, ...]


class _Counted(msgspec.Struct, frozen=True):
    """What was known when it was put in order: how many leases, and the ids that facts speak of."""

    known: Known
    leases_count: int
    from_facts: set[str]


_NOTHING = _Counted(Known(set(), ()), 0, set())


class KnownIds:
    """Keeps each type's ids in order, and sorts only what came since it was last asked.

    A lease is never forgotten, so their count tells whether there are new ones.
    """

    def __init__(
        self,
        relations: Relations,
        leases: Mapping[str, Mapping[str, LeasePut]],
        leased_types: frozenset[str],
    ) -> None:
        self._relations = relations
        self._leases = leases
        self._leased_types = leased_types
        self._counted: dict[str, _Counted] = {}

    def of(self, resource_type: str) -> Known:
        """Every resource of the type as of now."""
        leases = self._leases.get(resource_type, {})
        from_facts: set[str] = set().union(*self._tables(resource_type))
        before = self._counted.get(resource_type, _NOTHING)
        if before.leases_count == len(leases) and before.from_facts == from_facts:
            return before.known
        known = _merged(before.known, from_facts.union(leases))
        self._counted[resource_type] = _Counted(known, len(leases), from_facts)
        return known

    def in_order(self, ids: set[str], resource_type: str) -> tuple[str, ...]:
        """Some of the known ids in byte order; where they are many the known order spares the sorting."""
        tables = self._tables(resource_type)
        count_max = len(self._leases.get(resource_type, ())) + sum(map(len, tables))
        if len(ids) * _WORTH_SHARE < count_max:
            return tuple(sorted(ids))
        known = self.of(resource_type)
        return known.ordered if ids is known.ids else tuple(i for i in known.ordered if i in ids)

    def _tables(self, resource_type: str) -> Sequence[Mapping[str, object]]:
        # Every owner of a leased type is one of a lease already counted.
        skipped = "owner" if resource_type in self._leased_types else ""
        return self._relations.entries_of(resource_type, but_not=skipped)


def _merged(before: Known, ids: set[str]) -> Known:
    ordered = [id_ for id_ in before.ordered if id_ in ids]
    ordered += ids - before.ids
    ordered.sort()
    return Known(ids, tuple(ordered))
