"""Families and the customers in them: a pure function of records, links and judgements.

A family is what accepted links and `must` judgements connect. Almost every family is one customer. Where its members
contradict each other it is put together anew, strongest evidence first, never joining what contradicts; no order of
arrival enters into it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matchkit.model import Record


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
    """What of a record a partition depends on; `names` are the tokens of its full names."""

    digest: bytes
    exclusives: tuple[tuple[int, int], ...] = ()
    names: tuple[int, ...] = ()

    @classmethod
    def of(cls, record: Record) -> Self:
        """What of this record a partition depends on."""
        return cls(record.digest, record.exclusives, record.names)


def partition(
    members: Mapping[int, Member],
    links: Iterable[Link],
    judgements: Iterable[Judgement] = (),
    *,
    size_max: int = 50,
) -> list[frozenset[int]]:
    """The customers among these records, by least id; links and judgements of others are ignored.

    First what must be together, then accepted links by falling weight (equal ones by the records'
    digests). Two parts never join when their exclusive values differ, a `never` stands between
    them, or they would have more than `size_max` records. Nor does a record that gives no full
    name bring together parts whose full names have none in common: "Mr. Song of this firm" may be
    either, and only evidence between the two themselves makes them one.
    """
    known = [word for word in judgements if word.a in members and word.b in members]
    parts = _Parts(members, known, size_max)
    must = [(word.a, word.b) for word in known if word.verdict is Verdict.MUST]
    for a, b in sorted(must, key=lambda pair: _by_digest(members, *pair)):
        parts.join(a, b)
    accepted = [link for link in links if link.accepted and link.a in members and link.b in members]
    for link in sorted(accepted, key=lambda link: _strongest_first(members, link)):
        direct = bool(members[link.a].names and members[link.b].names)
        if direct or parts.may_share_a_name(link.a, link.b):
            parts.join(link.a, link.b)
    return parts.found()


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
    values: dict[int, int] = {}
    return all(
        values.setdefault(position, token) == token
        for member in members.values()
        for position, token in member.exclusives
    )


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
        self._barred: dict[int, set[int]] = {}
        for word in judgements:
            if word.verdict is Verdict.NEVER:
                self._barred.setdefault(word.a, set()).add(word.b)
                self._barred.setdefault(word.b, set()).add(word.a)

    def root(self, record_id: int) -> int:
        """The record that stands for this one's part."""
        return self._root[record_id]

    def join(self, a: int, b: int) -> None:
        """Makes one part of two, unless something speaks against it."""
        mine, theirs = self._root[a], self._root[b]
        if mine == theirs or self.refusal(mine, theirs):
            return
        if len(self._members[mine]) < len(self._members[theirs]):
            mine, theirs = theirs, mine
        for record_id in self._members[theirs]:
            self._root[record_id] = mine
        self._members[mine] |= self._members.pop(theirs)
        self._exclusives[mine].update(self._exclusives.pop(theirs))
        self._names[mine] |= self._names.pop(theirs)
        barred = self._barred.pop(theirs, None)
        if barred:
            self._barred.setdefault(mine, set()).update(barred)

    def may_share_a_name(self, a: int, b: int) -> bool:
        """Whether the parts of two records have a full name in common, or one of them has none."""
        mine, theirs = self._names[self._root[a]], self._names[self._root[b]]
        return not mine or not theirs or not mine.isdisjoint(theirs)

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


def _by_digest(members: Mapping[int, Member], a: int, b: int) -> tuple[bytes, bytes, int, int]:
    first, second = sorted((members[a].digest, members[b].digest))
    return first, second, a, b


def _strongest_first(
    members: Mapping[int, Member], link: Link
) -> tuple[float, tuple[bytes, bytes, int, int]]:
    return -link.bits, _by_digest(members, link.a, link.b)
