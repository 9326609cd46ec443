"""Which pairs of rows a model is estimated from, and at which levels they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from matchkit.keys import KeyRule
    from matchkit.kinds import Value
    from matchkit.kinds.kind import Compare
    from matchkit.model import Features, Model

    Pairs = NDArray[np.int64]
    """Two columns of row numbers."""

MISSING = -1


def blocked_pairs(model: Model, rows: Sequence[Features], *, pairs_max: int, seed: int) -> Pairs:
    """The pairs that the model's keys propose, hubs' keys aside; a seeded sample if too many."""
    found: set[int] = set()
    for rule in model.rules:
        for holders in _holders(rule, rows):
            if len(holders) <= model.records_max:
                found.update(
                    a * len(rows) + b for at, a in enumerate(holders) for b in holders[at + 1 :]
                )
    codes = np.fromiter(sorted(found), dtype=np.int64, count=len(found))
    if len(codes) > pairs_max:
        codes = np.sort(np.random.default_rng(seed).choice(codes, pairs_max, replace=False))
    return np.stack(np.divmod(codes, max(1, len(rows))), axis=1)


def random_pairs(count: int, *, pairs: int, seed: int) -> Pairs:
    """Pairs of different rows, any with equal chance."""
    drawn = np.random.default_rng(seed).integers(0, count, size=(pairs, 2))
    different: Pairs = drawn[drawn[:, 0] != drawn[:, 1]]
    return different


def levels_of(
    model: Model, rows: Sequence[Features], pairs: Pairs, columns: tuple[int, int]
) -> NDArray[np.int8]:
    """The level of a field of the one row beside a field of the other, by pair.

    `MISSING` where a side is silent; both fields are of one kind.
    """
    field, kind = model.fields[columns[0]], model.kinds[columns[0]]
    compare = _best(kind.compare) if field.many else kind.compare
    numbers: dict[Value, int] = {}
    ends = [
        _coded(numbers, [row[at] for row in rows])[pairs[:, side]]
        for side, at in enumerate(columns)
    ]
    return _levels(compare, list(numbers), np.sort(np.stack(ends, axis=1), axis=1))


def rarity_of(
    model: Model, rows: Sequence[Features], pairs: Pairs, columns: tuple[int, int], by: int
) -> NDArray[np.float64]:
    """The bits that equal values are worth by their rarity in field `by`; zero if it does not ask."""
    field, frequencies = model.fields[by], model.frequencies.get(model.fields[by].name)
    if not field.uses_frequencies or frequencies is None:
        return np.zeros(len(pairs))
    term = model.kinds[by].term
    ends = []
    for side, at in enumerate(columns):
        shares = [
            max((frequencies.of(term(value)) for value in field.values(row[at])), default=1.0)
            for row in rows
        ]
        ends.append(np.array(shares)[pairs[:, side]])
    return np.asarray(-np.log2(np.maximum(*ends)), dtype=np.float64)


def _holders(rule: KeyRule, rows: Sequence[Features]) -> Iterable[list[int]]:
    by_text: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        for text in rule.texts(row):
            by_text.setdefault(text, []).append(at)
    return (holders for holders in by_text.values() if len(holders) > 1)


def _coded(numbers: dict[Value, int], column: Sequence[Value | None]) -> Pairs:
    return np.array(
        [MISSING if value is None else numbers.setdefault(value, len(numbers)) for value in column],
        dtype=np.int64,
    )


def _levels(compare: Compare, values: Sequence[Value], ends: Pairs) -> NDArray[np.int8]:
    """Compares each distinct pair of values once."""
    found = np.full(len(ends), MISSING, dtype=np.int8)
    both = ends[:, 0] >= 0
    distinct, places = np.unique(ends[both] @ (len(values), 1), return_inverse=True)
    levels = [
        compare(values[code // len(values)], values[code % len(values)])
        for code in distinct.tolist()
    ]
    found[both] = np.array(levels, dtype=np.int8)[places] if levels else MISSING
    return found


def _best(compare: Compare) -> Compare:
    def compare_many(a: Value, b: Value) -> int:
        return min(compare(one, other) for one in a for other in b)

    return compare_many
