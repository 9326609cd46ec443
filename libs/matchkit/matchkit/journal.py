"""Remembers how things stood before, so that the net difference can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.changes import Changes, regroupings

if TYPE_CHECKING:
    from matchkit.families import Judgement, Link
    from matchkit.model import Record
    from matchkit.neighbourhood import Neighbourhood


class Journal:
    """The state before of everything that was touched; told once, before the touch."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        self._around = neighbourhood
        self._records: dict[int, Record | None] = {}
        self._links: dict[tuple[int, int], Link | None] = {}
        self._judgements: dict[tuple[int, int], Judgement | None] = {}
        self._hubs: dict[int, bool] = {}
        self._parts: dict[int, frozenset[int]] = {}

    def record_added(self, record: Record) -> None:
        """A record came."""
        self._records.setdefault(record.id, None)

    def record_removed(self, record: Record) -> None:
        """A record is about to go."""
        for record_id in self._around.part(record.id):
            self.regrouped(record_id)
        self._records.setdefault(record.id, record)

    def link_added(self, link: Link) -> None:
        """A link of a record that is new came."""
        self._links.setdefault((link.a, link.b), None)

    def link_changed(self, link: Link) -> None:
        """A link is about to come, to go or to change."""
        self._links.setdefault((link.a, link.b), self._around.link(link.a, link.b))

    def judgement_changed(self, word: Judgement) -> None:
        """A judgement is about to come or to go."""
        self._judgements.setdefault((word.a, word.b), self._around.judgement(word.a, word.b))

    def hub_changed(self, key: int) -> None:
        """A key is about to become a hub's, or to cease to be one."""
        self._hubs.setdefault(key, key in self._around.generic)

    def regrouped(self, record_id: int) -> None:
        """A record's customer is about to change."""
        if self._records.get(record_id, self) is not None:
            self._parts.setdefault(record_id, self._around.part(record_id))

    def changes(self) -> Changes:
        """Everything that now stands otherwise than before."""
        around = self._around
        links = [(old, around.link(*pair)) for pair, old in sorted(self._links.items())]
        links = [(old, new) for old, new in links if old != new]
        words = [(old, around.judgement(*pair)) for pair, old in sorted(self._judgements.items())]
        words = [(old, new) for old, new in words if old != new]
        hubs = [(key, old, key in around.generic) for key, old in sorted(self._hubs.items())]
        return Changes(
            records_added=self._added(),
            records_removed=self._removed(),
            links_added=tuple(new for _, new in links if new is not None),
            links_removed=tuple(old for old, _ in links if old is not None),
            judgements_added=tuple(new for _, new in words if new is not None),
            judgements_removed=tuple(old for old, _ in words if old is not None),
            hubs_made=tuple(key for key, old, new in hubs if new and not old),
            hubs_unmade=tuple(key for key, old, new in hubs if old and not new),
            regroupings=regroupings(self._parts, self._parts_now()),
        )

    def _added(self) -> tuple[Record, ...]:
        records = self._around.records
        return tuple(
            records[at]
            for at, old in sorted(self._records.items(), key=lambda item: item[0])
            if at in records and records[at] != old
        )

    def _removed(self) -> tuple[int, ...]:
        records = self._around.records
        return tuple(
            at
            for at, old in sorted(self._records.items(), key=lambda item: item[0])
            if old is not None and records.get(at) != old
        )

    def _parts_now(self) -> dict[int, frozenset[int]]:
        around = self._around
        touched = self._parts.keys() | self._records.keys()
        return {at: around.part(at) for at in touched if at in around.records}
