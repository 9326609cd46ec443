"""What a person said about two records, and what cannot be said beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Pair = tuple[int, int]
"""Ids of two records, the smaller first."""


class Verdict(IntEnum):
    """A person's word; the numbers are kept in the database and are those of the contract."""

    NEVER = 1
    MUST = 2


class OneRecordOnly(Invalid):
    """Something is said about two records that are one."""

    def __init__(self) -> None:
        super().__init__("both are the same record")


class JudgementNotFound(NotFound):
    """No judgement has this id."""

    def __init__(self, judgement_id: int) -> None:
        super().__init__(f"no judgement {judgement_id}")


class AlreadyRevoked(Conflict):
    """The judgement was revoked before."""

    def __init__(self, judgement_id: int) -> None:
        super().__init__(f"judgement {judgement_id} was revoked before")


class Contradicted(Conflict):
    """What is said cannot be true together with what was said before."""

    def __init__(self, standing: Iterable[Judgement]) -> None:
        ids = ", ".join(str(each.judgement_id) for each in standing)
        super().__init__(f"contradicts standing judgements: {ids[:200]}; revoke them first")


@dataclass(frozen=True, slots=True)
class Said:
    """Who decides, why, and when."""

    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person's word on two records, `a` the one with the smaller id; it stands until it is revoked."""

    judgement_id: int
    a: int
    b: int
    verdict: Verdict
    actor: str
    reason: str
    made_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""

    @property
    def pair(self) -> Pair:
        """The two records."""
        return (self.a, self.b)


def pair_of(one: int, other: int) -> Pair:
    """Two records in their order; raises `OneRecordOnly`."""
    if one == other:
        raise OneRecordOnly
    return (min(one, other), max(one, other))


def check_consistent(
    standing: Iterable[Judgement], *, musts: Iterable[Pair], apart: Iterable[Pair]
) -> None:
    """Raises `Contradicted` when musts, standing or new, would join a pair that is never of one customer.

    Names the standing judgements at fault: those that new musts violate, or the musts that lead from one side of
    a new never to the other.
    """
    known = list(standing)
    joined = Unions()
    for pair in musts:
        joined.join(*pair)
    for judgement in known:
        if judgement.verdict is Verdict.MUST:
            joined.join(*judgement.pair)
    forbidden = [each for each in known if each.verdict is Verdict.NEVER]
    broken = [each for each in forbidden if joined.are_one(*each.pair)]
    for a, b in apart:
        if joined.are_one(a, b):
            broken += [
                each for each in known if each.verdict is Verdict.MUST and joined.are_one(each.a, a)
            ]
    if broken:
        raise Contradicted(broken)


class Unions:
    """Which numbers are joined, directly or through others."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def top(self, member: int) -> int:
        """The number that stands for all that `member` is joined with."""
        parent = self._parent
        while (above := parent.get(member, member)) != member:
            parent[member] = parent.get(above, above)
            member = above
        return member

    def join(self, one: int, other: int) -> bool:
        """Joins two; False when they were joined already."""
        low, high = self.top(one), self.top(other)
        if low == high:
            return False
        if low > high:
            low, high = high, low
        self._parent[high] = low
        return True

    def are_one(self, one: int, other: int) -> bool:
        """Whether two are joined."""
        return self.top(one) == self.top(other)
