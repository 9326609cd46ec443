"""How common a value is: a frozen snapshot, since frequencies learnt on the way depend on the order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matchkit.kinds import Value
    from matchkit.kinds.kind import Term


class Frequencies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The frequencies of one field's terms: shares of all its values, between 0 and 1.

    `known` holds the terms worth telling apart; every other term counts as `rest`.
    """

    known: dict[str, float]
    rest: float

    @classmethod
    def count(cls, terms: Iterable[str], *, times_min: int = 2) -> Self:
        """The snapshot of these terms; one seen fewer than `times_min` times is of the rest."""
        counts: dict[str, int] = {}
        for term in terms:
            counts[term] = counts.get(term, 0) + 1
        return cls.of_counts(counts, times_min=times_min)

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], *, times_min: int = 2) -> Self:
        """The snapshot of counted terms."""
        total = max(1, sum(counts.values()))
        known = {term: times / total for term, times in counts.items() if times >= times_min}
        return cls(known=dict(sorted(known.items())), rest=1 / total)

    def of(self, term: str | None) -> float:
        """The share of records whose value has this term."""
        return self.rest if term is None else self.known.get(term, self.rest)

    def of_agreement(self, term: Term, a: Value, b: Value) -> float:
        """The frequency that an agreement of two values is judged by: the commoner of both."""
        mine = self.of(term(a))
        return mine if a == b else max(mine, self.of(term(b)))
