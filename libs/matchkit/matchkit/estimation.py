"""Estimates a model's weights from unlabelled rows, by expectation and maximisation.

The whole population of pairs is modelled: pairs that share no key are taken as different customers, those that share
one are weighed. `m` and the prior come from the weighed pairs, `u` from random pairs less the share of matches among
them. Every count begins at one half (Jeffreys), so that a level never seen is unlikely, not impossible.

A group that different customers may share (`Model.shared`) makes more than two sorts of pairs: besides the same
customer and strangers there are colleagues, say, who have the firm in common and nothing else. `u` of such a group's
fields is of pairs that do not share it, and how many share it is estimated, too.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from matchkit.errors import ModelInvalid
from matchkit.fields import Weight
from matchkit.frequencies import Frequencies
from matchkit.sampling import blocked_pairs, levels_of, random_pairs, rarity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from matchkit.fields import Field
    from matchkit.model import Features, Model
    from matchkit.sampling import Pairs

    Floats = NDArray[np.float64]

ROWS_MIN = 10
BLOCKED_PAIRS_MAX = 1_000_000
RANDOM_PAIRS, RANDOM_PAIRS_PER_ROW = 400_000, 100
ROUNDS_MAX = 200
SETTLED = 1e-6
SMOOTHING = 0.5
AGREEING_MIN = 1_000
CHANCE_MIN, CHANCE_MAX = 1e-9, 1 - 1e-9


class Reading(NamedTuple):
    """One field beside one field: its level and its rarity, by pair."""

    levels: NDArray[np.int8]
    rarity: Floats


class Evidence(NamedTuple):
    """What the rounds work on, by pair: each field straight, and each crossing's four readings.

    The four: the first field beside the second and the second beside the first, each by the
    frequencies of the one and of the other.
    """

    pairs: int
    straight: list[Reading]
    crossed: list[tuple[Reading, Reading, Reading, Reading]]


class Parameters(NamedTuple):
    """What the rounds work out; one array of chances per field."""

    m: list[Floats]
    u: list[Floats]
    crossings: list[float]
    matches: float
    pairs: float
    shared: dict[str, float]


class Posteriors(NamedTuple):
    """By pair: the chance of a match, where each crossing reads crosswise, the chance to share each group."""

    same: Floats
    crossed: list[NDArray[np.bool_]]
    shared: dict[str, Floats]


class Bin(msgspec.Struct, frozen=True):
    """Of `pairs` with a posterior of `predicted` on average, `observed` (a share) were matches."""

    predicted: float
    observed: float
    pairs: int


def estimate(spec: Model, rows: Sequence[Features], *, seed: int) -> Model:
    """The model with weights, prior and frequencies of these rows; the same for the same seed.

    Raises `ModelInvalid` for fewer than ten rows.
    """
    if len(rows) < ROWS_MIN:
        raise ModelInvalid(f"{len(rows)} rows are too few to estimate from")
    model = msgspec.structs.replace(spec, frequencies=frequencies_of(spec, rows))
    blocked_rows = blocked_pairs(model, rows, pairs_max=BLOCKED_PAIRS_MAX, seed=seed)
    drawn = min(RANDOM_PAIRS, RANDOM_PAIRS_PER_ROW * len(rows))
    random_rows = random_pairs(len(rows), pairs=drawn, seed=seed)
    blocked = _evidence(model, rows, blocked_rows, crossed=True)
    chance = _evidence(model, rows, random_rows, crossed=False)
    found = _rounds(model, blocked, chance, rows)
    return with_parameters(model, found)


def frequencies_of(model: Model, rows: Sequence[Features]) -> dict[str, Frequencies]:
    """The frozen frequencies of every field that asks for them."""
    return {
        field.name: Frequencies.count(_terms(model, position, rows))
        for position, field in enumerate(model.fields)
        if field.uses_frequencies
    }


def with_parameters(model: Model, found: Parameters) -> Model:
    """The model with these chances as its weights."""
    fields = tuple(
        msgspec.structs.replace(
            field,
            weights={
                level: Weight(float(m), float(u))
                for level, m, u in zip(kind.levels, found.m[at], found.u[at], strict=True)
            },
        )
        for at, (field, kind) in enumerate(zip(model.fields, model.kinds, strict=True))
    )
    crossings = tuple(
        msgspec.structs.replace(crossing, chance=chance)
        for crossing, chance in zip(model.crossings, found.crossings, strict=True)
    )
    odds = found.matches / max(1.0, found.pairs - found.matches)
    return msgspec.structs.replace(
        model,
        fields=fields,
        crossings=crossings,
        shared=found.shared,
        prior_bits=float(np.log2(odds)),
    )


def calibration(
    posteriors: Iterable[float], matches: Iterable[bool], *, bins: int = 10
) -> list[Bin]:
    """A reliability table: predicted against observed share of matches, by equal widths."""
    predicted = np.fromiter(posteriors, dtype=np.float64)
    observed = np.fromiter(matches, dtype=np.bool_)
    at = np.minimum((predicted * bins).astype(int), bins - 1)
    return [
        Bin(float(predicted[at == n].mean()), float(observed[at == n].mean()), int((at == n).sum()))
        for n in range(bins)
        if (at == n).any()
    ]


def _terms(model: Model, position: int, rows: Sequence[Features]) -> Iterable[str]:
    field, term = model.fields[position], model.kinds[position].term
    for row in rows:
        for value in field.values(row[position]):
            found = term(value)
            if found is not None:
                yield found


def _evidence(model: Model, rows: Sequence[Features], pairs: Pairs, *, crossed: bool) -> Evidence:
    def read(one: int, other: int, by: int) -> Reading:
        columns = (one, other)
        return Reading(
            levels_of(model, rows, pairs, columns), rarity_of(model, rows, pairs, columns, by)
        )

    straight = [read(at, at, at) for at in range(len(model.fields))]
    crossings = model.crossed_positions if crossed else ()
    return Evidence(
        len(pairs),
        straight,
        [
            (
                read(one, other, one),
                read(one, other, other),
                read(other, one, one),
                read(other, one, other),
            )
            for one, other in crossings
        ],
    )


def _rounds(
    model: Model, blocked: Evidence, chance: Evidence, rows: Sequence[Features]
) -> Parameters:
    now = _first_guess(model, chance, len(rows))
    agreeing = _agreeing(model, rows)
    for _ in range(ROUNDS_MAX):
        then = now
        now = _improved(model, blocked, chance, then, agreeing)
        moved = max(float(np.abs(a - b).max()) for a, b in zip(now.m, then.m, strict=True))
        if moved < SETTLED:
            break
    return now


def _first_guess(model: Model, chance: Evidence, rows: int) -> Parameters:
    """Agreement is likely among matches; one match per row is expected."""
    m = [_falling(len(kind.levels)) for kind in model.kinds]
    everything = np.ones(chance.pairs)
    u = [
        _shares(chance.straight[at].levels, everything, len(kind.levels))
        for at, kind in enumerate(model.kinds)
    ]
    crossings = [crossing.chance for crossing in model.crossings]
    pairs = rows * (rows - 1) / 2
    return Parameters(
        m, u, crossings, float(rows), pairs, dict.fromkeys(model.shared, rows / pairs)
    )


def _agreeing(model: Model, rows: Sequence[Features]) -> dict[int, float]:
    """How often two rows agree in each exclusive field, counted by value, where that is often enough to tell."""
    found = {}
    for at, field in enumerate(model.fields):
        if field.exclusive and field.group in model.shared:
            counts = Counter(row[at] for row in rows if row[at] is not None)
            agreeing = sum(times * (times - 1) / 2 for times in counts.values())
            if agreeing >= AGREEING_MIN:
                found[at] = agreeing / (counts.total() * (counts.total() - 1) / 2)
    return found


def _falling(levels: int) -> Floats:
    shares = 0.5 ** np.arange(levels)
    shares[0] = 4.0
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _improved(
    model: Model,
    blocked: Evidence,
    chance: Evidence,
    now: Parameters,
    agreeing: Mapping[int, float],
) -> Parameters:
    met, random = _posteriors(model, blocked, now), _posteriors(model, chance, now)
    same, crossed = met.same, met.crossed
    straight = {
        at: same * ~by_pair
        for pair, by_pair in zip(model.crossed_positions, crossed, strict=True)
        for at in pair
    }
    m, u = [], []
    for at, kind in enumerate(model.kinds):
        m.append(_shares(blocked.straight[at].levels, straight.get(at, same), len(kind.levels)))
        other = 1 - random.shared.get(model.fields[at].group, random.same)
        u.append(_shares(chance.straight[at].levels, other, len(kind.levels)))
    matches = max(1.0, float(same.sum()))
    crossings = [
        (float(same @ by_pair) + SMOOTHING) / (matches + 2 * SMOOTHING) for by_pair in crossed
    ]
    shared = {
        group: max(1.0, float((met.shared[group] - same).sum())) / now.pairs
        for group in model.shared
    }
    for at, share in agreeing.items():
        m_exact, known = float(m[at][0]), matches / now.pairs
        u[at][0] = (1 - m_exact) * share
        shared[model.fields[at].group] = max(1 / now.pairs, share / m_exact - known)
    return Parameters(m, u, crossings, matches, now.pairs, shared)


def _shares(levels: NDArray[np.int8], weights: Floats, count: int) -> Floats:
    known = levels >= 0
    sums = np.bincount(levels[known], weights=weights[known], minlength=count) + SMOOTHING
    return np.asarray(np.clip(sums / sums.sum(), CHANCE_MIN, CHANCE_MAX), dtype=np.float64)


def _posteriors(model: Model, evidence: Evidence, now: Parameters) -> Posteriors:
    bits = np.full(evidence.pairs, np.log2(now.matches / (now.pairs - now.matches)))
    said = [
        _field_bits(field, evidence.straight[at], now, at) for at, field in enumerate(model.fields)
    ]
    crossed = []
    for at, readings in enumerate(evidence.crossed):
        one, other = model.crossed_positions[at]
        together, by_pair = _crossing_bits(model, readings, (said[one], said[other]), now, at)
        said[one], said[other] = together, np.zeros_like(together)
        crossed.append(by_pair)
    groups: dict[str, tuple[Floats, Floats]] = {}
    sums = {group: np.zeros_like(bits) for group in model.shared}
    for field, field_bits in zip(model.fields, said, strict=True):
        if not field.group:
            bits += field_bits
            continue
        if field.group in sums:
            sums[field.group] += field_bits
            continue
        best, worst = groups.get(field.group, (np.zeros_like(bits), np.zeros_like(bits)))
        groups[field.group] = (np.maximum(best, field_bits), np.minimum(worst, field_bits))
    for best, worst in groups.values():
        bits += best + worst
    without = {}
    for group, total in sums.items():
        odds = np.exp2(np.clip(total, -500, 500)) * now.shared[group] / (1 - now.shared[group])
        without[group] = odds / (1 + odds)
        bits += total - np.log2((1 - now.shared[group]) * (1 + odds))
    same = np.asarray(1 / (1 + np.exp2(-np.clip(bits, -500, 500))), dtype=np.float64)
    shared = {group: same + (1 - same) * share for group, share in without.items()}
    return Posteriors(same, crossed, shared)


def _crossing_bits(
    model: Model,
    readings: tuple[Reading, Reading, Reading, Reading],
    said: tuple[Floats, Floats],
    now: Parameters,
    at: int,
) -> tuple[Floats, NDArray[np.bool_]]:
    """The bits of two fields together as `matchkit.weighing` reads them, and where crosswise."""
    one, other = model.crossed_positions[at]
    by = (one, other, one, other)
    halves = [
        _field_bits(model.fields[field], reading, now, field)
        for field, reading in zip(by, readings, strict=True)
    ]
    chance = now.crossings[at]
    straight = said[0] + said[1]
    crossed = np.minimum(halves[0], halves[1]) + np.minimum(halves[2], halves[3])
    crossed += np.log2(chance / (1 - chance))
    by_pair = (straight <= 0) & (crossed > straight)
    return np.where(by_pair, crossed, straight) + np.log2(1 - chance), by_pair


def _field_bits(field: Field, reading: Reading, now: Parameters, at: int) -> Floats:
    table = np.log2(now.m[at] / now.u[at])
    said = np.where(reading.levels >= 0, table[reading.levels], 0.0)
    if field.uses_frequencies:
        exact = np.log2(now.m[at][0]) + reading.rarity
        said = np.where(reading.levels == 0, exact, said)
    return said
