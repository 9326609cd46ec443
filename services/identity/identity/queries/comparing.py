"""Compares stored records anew, with the model and the generic keys of now; no value leaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from matchkit.scoring import Hubs, explain, score

from identity.store import members

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg
    from matchkit.hashing import Hasher
    from matchkit.model import Features, Model
    from matchkit.scoring import Explanation

    from identity.domain.evidence import Edge
    from identity.domain.judgements import Pair
    from identity.seals import Seals
    from identity.store.members import StoredRecord

PAIRS_TRIED_MAX = 2_000
"""Of two customers without evidence between them, so many pairs are compared to find the best; about 10 ms."""


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key that both records have, by the rule that made it."""

    rule: str
    is_generic: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records compared; `edge` is the evidence that is kept of them, or a judgement, if any."""

    a: int
    b: int
    explanation: Explanation
    shared: tuple[SharedKey, ...]
    edge: Edge | None


class Comparer:
    """Compares records; remembers none of them."""

    def __init__(self, model: Model, hasher: Hasher, seals: Seals) -> None:
        self.model = model
        self._hasher = hasher
        self._seals = seals

    async def compare(
        self, raw: asyncpg.Connection, one: StoredRecord, other: StoredRecord, edge: Edge | None
    ) -> Comparison:
        """Two records, looked at from the side from which they were when they were linked."""
        first, second = sorted((one, other), key=_by_digest)
        mine, theirs = self.features(first), self.features(second)
        keys = self.model.keys_of(mine, self._hasher)
        shared = [key for key in keys if key in set(second.keys)]
        generic = await members.generic_among(raw, shared)
        hubs = Hubs(self._hasher, generic)
        a, b = sorted((one.record_id, other.record_id))
        return Comparison(
            a,
            b,
            explain(self.model, mine, theirs, hubs),
            tuple(SharedKey(keys[key], key in generic) for key in shared),
            edge,
        )

    async def best_pair(
        self, raw: asyncpg.Connection, ones: Sequence[int], others: Sequence[int]
    ) -> Pair:
        """Of two groups the pair that is joined most firmly, or else looks most alike; the groups' own order."""
        if len(ones) == 1 and len(others) == 1:
            return (ones[0], others[0])
        if both := sorted(set(ones).intersection(others)):
            return (both[0], both[0])
        edge = await members.strongest_between(raw, ones, others)
        if edge is not None:
            return (edge.a, edge.b) if edge.a in set(ones) else (edge.b, edge.a)
        return await self._most_alike(raw, ones, others)

    def features(self, record: StoredRecord) -> Features:
        """What the record is compared by."""
        return self._seals.open_features(record.digest, record.sealed_features, self.model)

    def key_rules(self, record: StoredRecord) -> tuple[str, ...]:
        """The rules by which the record has keys."""
        return tuple(sorted(set(self.model.keys_of(self.features(record), self._hasher).values())))

    async def _most_alike(
        self, raw: asyncpg.Connection, ones: Collection[int], others: Collection[int]
    ) -> Pair:
        stored = await members.stored(raw, [*ones, *others])
        read = {record_id: self.features(record) for record_id, record in stored.items()}
        pairs = islice(product(ones, others), PAIRS_TRIED_MAX)
        return max(pairs, key=lambda pair: score(self.model, read[pair[0]], read[pair[1]]))


def _by_digest(record: StoredRecord) -> bytes:
    return record.digest
