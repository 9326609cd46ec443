"""Families and the customers in them: a pure function of records, links and judgements.

A family is what accepted links and `must` judgements connect. Almost every family is one customer. Where its members
contradict each other it is put together anew, strongest evidence first, never joining what contradicts; no order of
arrival enters into it. The evidence between two parts is that of all their links together (greedy additive edge
contraction), so that a record which two contradicting ones claim goes where the rest of its like goes.
"""

from __future__ import annotations

from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matchkit.model import Record


STEPS_OF_BIT = 1 << 16
OWNERS_MIN = 2
"""Records with a mobile of its own that make a part somebody by itself: one may be a slip, or a second number."""


class Verdict(StrEnum):
    """What a steward said of two records."""

    NEVER = "never"
    MUST = "must"


class Judgement(msgspec.Struct, frozen=True, array_like=True):
    """A steward's word on two records; `a` is the lesser id."""

    a: int
    b: int
    verdict: Verdict


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A scored pair; `a` is the lesser id. Accepted, or else waiting for a review."""

    a: int
    b: int
    bits: float
    accepted: bool


class Member(msgspec.Struct, frozen=True, array_like=True):
    """What of a record a partition depends on.

    `names` are the tokens of its full names, `owned` what a customer mostly has one of: mobiles.
    """

    digest: bytes
    exclusives: tuple[tuple[int, int], ...] = ()
    names: tuple[int, ...] = ()
    owned: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Record, owned: tuple[str, ...] = ()) -> Self:
        """What of this record a partition depends on."""
        return cls(record.digest, record.exclusives, record.names, owned)


def partition(
    members: Mapping[int, Member],
    links: Iterable[Link],
    judgements: Iterable[Judgement] = (),
    *,
    size_max: int = 50,
) -> list[frozenset[int]]:
    """The customers among these records, by least id; links and judgements of others are ignored.

    First what must be together, then the two parts whose accepted links weigh most together (equal
    ones by the records' digests), again and again. Two parts never join when their exclusive values
    differ, a `never` stands between them, or they would have more than `size_max` records. Nor does
    a record that gives no full name bring together parts whose full names have none in common: "Mr.
    Song of this firm" may be either, and only evidence between the two themselves makes them one. So
    it is with one that gives no mobile and parts whose mobiles are others; and two parts which have
    each at least two records with mobiles, none in common, are two of one name.
    """
    known = [word for word in judgements if word.a in members and word.b in members]
    parts = _Parts(members, known, size_max)
    must = [(word.a, word.b) for word in known if word.verdict is Verdict.MUST]
    for a, b in sorted(must, key=lambda pair: _by_digest(members, *pair)):
        parts.join(a, b)
    accepted = [link for link in links if link.accepted and link.a in members and link.b in members]
    if not _may_refuse(members, known, size_max):
        _join_alike(members, accepted, parts, is_free=not must)
    _contract(_Evidence(members, parts, accepted), parts)
    return parts.found()


def _may_refuse(
    members: Mapping[int, Member], judgements: Iterable[Judgement], size_max: int
) -> bool:
    """Whether any two parts of these records might contradict each other, or be too large together."""
    return (
        len(members) > size_max
        or any(word.verdict is Verdict.NEVER for word in judgements)
        or not _agree(members.values())
    )


def _agree(members: Iterable[Member]) -> bool:
    """Whether no two of these differ in an exclusive value."""
    values: dict[int, int] = {}
    return all(
        values.setdefault(position, token) == token
        for member in members
        for position, token in member.exclusives
    )


def _join_alike(
    members: Mapping[int, Member], accepted: Iterable[Link], parts: _Parts, *, is_free: bool
) -> None:
    """Joins at once what contraction would join link by link: connected records of one name and one mobile.

    Where no join can be refused, and all of them give a common name and a common mobile, whatever else has joined some
    of them keeps none of them from the others; nor, if none of them gives any, where no word has joined others
    (`is_free`).
    """
    groups = _Groups(members)
    for link in accepted:
        groups.join(link.a, link.b)
    for group in groups.found():
        theirs = [members[record_id] for record_id in group]
        names, owned = [member.names for member in theirs], [member.owned for member in theirs]
        if _meet(names, is_free=is_free) and _meet(owned, is_free=is_free):
            for record_id in group[1:]:
                parts.join(group[0], record_id)


def _meet(values: Sequence[tuple[int, ...]] | Sequence[tuple[str, ...]], *, is_free: bool) -> bool:
    """Whether all of these have a value in common; if `is_free`, none having any will do."""
    if not any(values):
        return is_free
    return all(values) and bool(set(values[0]).intersection(*values[1:]))


def _contract(evidence: _Evidence, parts: _Parts) -> None:
    """Joins parts, those first between which there is most evidence."""
    while (pair := evidence.strongest()) is not None:
        a, b = pair
        if not evidence.names_meet(a, b) and not parts.may_share_a_name(a, b):
            continue
        if parts.own_others(a, b, met=evidence.owned_meet(a, b)):
            continue
        if parts.join(a, b):
            kept = parts.root(a)
            evidence.merge(kept, b if kept == a else a)


def undivided(
    members: Mapping[int, Member], judgements: Iterable[Judgement] = (), *, size_max: int = 50
) -> bool:
    """Whether nothing among the members of one family speaks against their being one customer."""
    if len(members) > size_max:
        return False
    for word in judgements:
        if word.verdict is Verdict.NEVER and word.a in members and word.b in members:
            return False
    names = [set(member.names) for member in members.values() if member.names]
    if 0 < len(names) < len(members) and not set.intersection(*names):
        return False
    owned = [set(member.owned) for member in members.values() if member.owned]
    if owned and not set.intersection(*owned) and not len(owned) == len(members) < 2 * OWNERS_MIN:
        return False
    return _agree(members.values())


def obstacle(
    members: Mapping[int, Member],
    must: Iterable[tuple[int, int]],
    never: Iterable[tuple[int, int]],
    *,
    size_max: int,
) -> str:
    """Why these records cannot all be together by the word of stewards; empty when they can.

    `judgement`, `size`, or `field N` for the position of an exclusive field.
    """
    words = [Judgement(min(pair), max(pair), Verdict.NEVER) for pair in never]
    parts = _Parts(members, words, size_max)
    for a, b in must:
        reason = parts.refusal(parts.root(a), parts.root(b))
        if reason:
            return reason
        parts.join(a, b)
    return ""


class _Groups:
    """Disjoint sets of records, whatever they are."""

    def __init__(self, record_ids: Iterable[int]) -> None:
        self._above = {record_id: record_id for record_id in record_ids}

    def join(self, a: int, b: int) -> None:
        """Makes one group of two."""
        self._above[self._root(a)] = self._root(b)

    def found(self) -> list[list[int]]:
        """The groups of two records and more."""
        groups: dict[int, list[int]] = {}
        for record_id in self._above:
            groups.setdefault(self._root(record_id), []).append(record_id)
        return [group for group in groups.values() if len(group) > 1]

    def _root(self, record_id: int) -> int:
        above = self._above
        while above[record_id] != record_id:
            above[record_id] = above[above[record_id]]
            record_id = above[record_id]
        return record_id


class _Parts:
    """Disjoint sets that know what they must not join."""

    def __init__(
        self, members: Mapping[int, Member], judgements: Sequence[Judgement], size_max: int
    ) -> None:
        self._size_max = size_max
        self._root = {record_id: record_id for record_id in members}
        self._members = {record_id: {record_id} for record_id in members}
        self._exclusives = {
            record_id: dict(member.exclusives) for record_id, member in members.items()
        }
        self._names = {record_id: set(member.names) for record_id, member in members.items()}
        self._owned = {record_id: set(member.owned) for record_id, member in members.items()}
        self._owners = {record_id: int(bool(member.owned)) for record_id, member in members.items()}
        self._barred: dict[int, set[int]] = {}
        for word in judgements:
            if word.verdict is Verdict.NEVER:
                self._barred.setdefault(word.a, set()).add(word.b)
                self._barred.setdefault(word.b, set()).add(word.a)

    def root(self, record_id: int) -> int:
        """The record that stands for this one's part."""
        return self._root[record_id]

    def join(self, a: int, b: int) -> bool:
        """Makes one part of two, unless something speaks against it; whether it did."""
        mine, theirs = self._root[a], self._root[b]
        if mine == theirs or self.refusal(mine, theirs):
            return False
        if len(self._members[mine]) < len(self._members[theirs]):
            mine, theirs = theirs, mine
        for record_id in self._members[theirs]:
            self._root[record_id] = mine
        self._members[mine] |= self._members.pop(theirs)
        self._exclusives[mine].update(self._exclusives.pop(theirs))
        self._names[mine] |= self._names.pop(theirs)
        self._owned[mine] |= self._owned.pop(theirs)
        self._owners[mine] += self._owners.pop(theirs)
        barred = self._barred.pop(theirs, None)
        if barred:
            self._barred.setdefault(mine, set()).update(barred)
        return True

    def may_share_a_name(self, a: int, b: int) -> bool:
        """Whether the parts of two records have a full name in common, or one of them has none."""
        mine, theirs = self._names[self._root[a]], self._names[self._root[b]]
        return not mine or not theirs or not mine.isdisjoint(theirs)

    def own_others(self, a: int, b: int, *, met: bool) -> bool:
        """Whether two parts, by their roots, own other mobiles: `met` when records with mobiles link them."""
        mine, theirs = self._owned[a], self._owned[b]
        if not mine or not theirs or not mine.isdisjoint(theirs):
            return False
        return not met or min(self._owners[a], self._owners[b]) >= OWNERS_MIN

    def refusal(self, mine: int, theirs: int) -> str:
        """What speaks against joining two parts, by their roots; empty when nothing does."""
        if mine == theirs:
            barred = self._barred.get(mine)
            return "judgement" if barred and not barred.isdisjoint(self._members[mine]) else ""
        if len(self._members[mine]) + len(self._members[theirs]) > self._size_max:
            return "size"
        barred = self._barred.get(mine)
        if barred and not barred.isdisjoint(self._members[theirs]):
            return "judgement"
        values = self._exclusives[theirs]
        for position, token in self._exclusives[mine].items():
            if values.get(position, token) != token:
                return f"field {position}"
        return ""

    def found(self) -> list[frozenset[int]]:
        """The parts, by their least record."""
        return sorted(map(frozenset, self._members.values()), key=min)


class _Evidence:
    """The links between parts, added up in whole steps so that no order of adding shows."""

    def __init__(self, members: Mapping[int, Member], parts: _Parts, links: Iterable[Link]) -> None:
        """Parts stand under their roots as they are now."""
        self._least: dict[int, tuple[bytes, int]] = {}
        for record_id, member in members.items():
            root, mark = parts.root(record_id), (member.digest, record_id)
            self._least[root] = min(mark, self._least.get(root, mark))
        self._steps: dict[int, dict[int, int]] = {root: {} for root in self._least}
        self._names: set[tuple[int, int]] = set()
        self._owned: set[tuple[int, int]] = set()
        for link in links:
            a, b = parts.root(link.a), parts.root(link.b)
            if a != b:
                self._add(a, b, round(link.bits * STEPS_OF_BIT))
                self._note(a, b, members[link.a], members[link.b])
        self._ahead = [self._entry(a, b) for a in self._steps for b in self._steps[a] if a < b]
        heapify(self._ahead)

    def strongest(self) -> tuple[int, int] | None:
        """The two parts with most evidence between them that were not told yet as they are now."""
        while self._ahead:
            steps, *_, a, b = heappop(self._ahead)
            if self._steps.get(a, {}).get(b) == -steps:
                return a, b
        return None

    def names_meet(self, a: int, b: int) -> bool:
        """Whether a link between two records that both give a full name is among it."""
        return (a, b) in self._names

    def owned_meet(self, a: int, b: int) -> bool:
        """Whether a link between two records that both give a mobile is among it."""
        return (a, b) in self._owned

    def merge(self, kept: int, gone: int) -> None:
        """Lets one part stand for two that were joined."""
        self._least[kept] = min(self._least[kept], self._least.pop(gone))
        for other, steps in self._steps.pop(gone).items():
            del self._steps[other][gone]
            if other != kept:
                self._add(kept, other, steps)
                for met in (self._names, self._owned):
                    if (gone, other) in met:
                        met |= {(kept, other), (other, kept)}
                heappush(self._ahead, self._entry(kept, other))

    def _add(self, a: int, b: int, steps: int) -> None:
        self._steps[a][b] = self._steps[b][a] = self._steps[a].get(b, 0) + steps

    def _note(self, a: int, b: int, one: Member, other: Member) -> None:
        if one.names and other.names:
            self._names |= {(a, b), (b, a)}
        if one.owned and other.owned:
            self._owned |= {(a, b), (b, a)}

    def _entry(self, a: int, b: int) -> tuple[int, tuple[bytes, int], tuple[bytes, int], int, int]:
        first, second = sorted((self._least[a], self._least[b]))
        return -self._steps[a][b], first, second, a, b


def _by_digest(members: Mapping[int, Member], a: int, b: int) -> tuple[bytes, bytes, int, int]:
    first, second = sorted((members[a].digest, members[b].digest))
    return first, second, a, b
