"""The evidence that holds a customer together: the way from one record to another, and the tree of merges. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from identity.domain.judgements import Unions, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from identity.domain.judgements import Judgement

PART_MIN = 3
"""A bridge matters when each side has at least so many records."""

BRIDGE_POSTERIOR_MAX = 0.90
"""A bridge is weak up to this posterior; acceptance begins at 0.85."""


class EvidenceKind(IntEnum):
    """What joins two records; the first two are kept in `links.kind`, the third is a judgement."""

    SCORED = 1
    SAME_SOURCE = 2
    JUDGED = 3


@dataclass(frozen=True, slots=True)
class Edge:
    """Evidence that two records are of one customer, `a` the one with the smaller id."""

    a: int
    b: int
    kind: EvidenceKind
    bits: float
    posterior: float
    made_at: datetime
    model_version: str = ""

    @property
    def strength(self) -> tuple[int, float]:
        """What is stronger is larger: a person's word, one source's own word, then the score."""
        return (int(self.kind), self.bits if self.kind is EvidenceKind.SCORED else 0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """Two parts became one; each is the step that made it, or 0 for a record alone, and its number of records."""

    left_step: int
    right_step: int
    left_count: int
    right_count: int
    edge: Edge


@dataclass(frozen=True, slots=True)
class Bridge:
    """The one edge that holds two parts of a customer together."""

    edge: Edge
    smaller_count: int
    larger_count: int


def must_edges(said: Iterable[Judgement], among: Collection[int]) -> list[Edge]:
    """What people said must be together, among some records, as evidence."""
    return [
        Edge(each.a, each.b, EvidenceKind.JUDGED, 0.0, 1.0, each.made_at)
        for each in said
        if each.verdict is Verdict.MUST and each.a in among and each.b in among
    ]


def strongest_path(edges: Iterable[Edge], start: int, end: int) -> list[Edge]:
    """The way from one record to another whose weakest edge is strongest; empty when there is none."""
    joined = Unions()
    tree: dict[int, list[Edge]] = {}
    for edge in sorted(edges, key=_strongest_first):
        if not joined.join(edge.a, edge.b):
            continue
        tree.setdefault(edge.a, []).append(edge)
        tree.setdefault(edge.b, []).append(edge)
        if joined.are_one(start, end):
            return _walk(tree, start, end)
    return []


def merge_tree(edges: Iterable[Edge]) -> list[Step]:
    """The steps in which edges, in order of time, made one of many; edges within a part are no step."""
    joined = Unions()
    made_in: dict[int, int] = {}
    count: dict[int, int] = {}
    steps: list[Step] = []
    for edge in sorted(edges, key=_oldest_first):
        left, right = joined.top(edge.a), joined.top(edge.b)
        if not joined.join(left, right):
            continue
        sizes = count.get(left, 1), count.get(right, 1)
        steps.append(Step(made_in.get(left, 0), made_in.get(right, 0), *sizes, edge))
        top = joined.top(left)
        made_in[top], count[top] = len(steps), sum(sizes)
    return steps


def weak_bridges(members: Collection[int], edges: Sequence[Edge]) -> list[Bridge]:
    """Scored edges just above acceptance whose loss would leave two parts of three records or more."""
    neighbours: dict[int, list[Edge]] = {}
    for edge in edges:
        neighbours.setdefault(edge.a, []).append(edge)
        neighbours.setdefault(edge.b, []).append(edge)
    found = []
    for edge in edges:
        if edge.kind is not EvidenceKind.SCORED or edge.posterior > BRIDGE_POSTERIOR_MAX:
            continue
        side = _reached(neighbours, edge.a, without=edge)
        if edge.b in side:
            continue
        smaller, larger = sorted((len(side), len(members) - len(side)))
        if smaller >= PART_MIN:
            found.append(Bridge(edge, smaller, larger))
    return found


def _strongest_first(edge: Edge) -> tuple[int, float, int, int]:
    kind, bits = edge.strength
    return (-kind, -bits, edge.a, edge.b)


def _oldest_first(edge: Edge) -> tuple[datetime, int, float, int, int]:
    return (edge.made_at, *_strongest_first(edge))


def _walk(tree: Mapping[int, Sequence[Edge]], start: int, end: int) -> list[Edge]:
    """The only way in a tree."""
    came_by: dict[int, Edge] = {}
    ahead = deque([start])
    while ahead:
        at = ahead.popleft()
        for edge in tree.get(at, ()):
            other = edge.b if edge.a == at else edge.a
            if other != start and other not in came_by:
                came_by[other] = edge
                ahead.append(other)
    return list(_back(came_by, start, end))[::-1]


def _back(came_by: Mapping[int, Edge], start: int, end: int) -> Iterator[Edge]:
    at = end
    while at != start:
        edge = came_by[at]
        yield edge
        at = edge.a if edge.b == at else edge.b


def _reached(neighbours: Mapping[int, Sequence[Edge]], start: int, *, without: Edge) -> set[int]:
    found, ahead = {start}, [start]
    while ahead:
        at = ahead.pop()
        for edge in neighbours.get(at, ()):
            other = edge.b if edge.a == at else edge.a
            if edge != without and other not in found:
                found.add(other)
                ahead.append(other)
    return found
