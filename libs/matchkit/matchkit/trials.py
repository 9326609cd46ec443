"""Tries a model on labelled rows: one at a time, in one order or in several."""

from __future__ import annotations

import random
from hashlib import sha256
from time import process_time
from typing import TYPE_CHECKING

import msgspec

from matchkit.estimation import Bin, calibration
from matchkit.evaluation import OrderReport, Report, evaluate, order_sensitivity
from matchkit.hashing import Hasher
from matchkit.linker import Linker
from matchkit.sampling import blocked_pairs
from matchkit.scoring import posterior

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from matchkit.model import Features, Model

    RawRows = Sequence[Mapping[str, str | Sequence[str]]]

BINS = 20


class Trial(msgspec.Struct, frozen=True):
    """What came of one trial; `cpu_s` is the time of reading and placing all rows once.

    `waiting` are the pairs left to a clerk. `calibration` says of all pairs that were accepted or left to a clerk how
    often they were right, by their posterior.
    """

    report: Report
    order: OrderReport
    waiting: int
    hubs: int
    cpu_s: float
    calibration: list[Bin]


def run_trial(
    model: Model, raw: RawRows, truth: Sequence[Hashable], *, seed: int, shuffles: int = 0
) -> Trial:
    """Places the rows as they come, and then again in `shuffles` other seeded orders."""
    hasher = trial_hasher(seed)
    began = process_time()
    linker = Linker(model, hasher)
    for at, row in enumerate(raw):
        linker.add(at, model.read(row))
    parts = linker.partition()
    cpu_s = process_time() - began
    rows = [model.read(row) for row in raw] if shuffles else []
    partitions = [parts, *_shuffled(model, hasher, rows, seed=seed, shuffles=shuffles)]
    around = linker.neighbourhood
    links = list(around.links_among(around.records))
    return Trial(
        evaluate(dict(enumerate(truth)), parts),
        order_sensitivity(partitions),
        sum(not link.accepted for link in links),
        len(around.generic),
        cpu_s,
        calibration(
            [posterior(link.bits) for link in links],
            [truth[link.a] == truth[link.b] for link in links],
            bins=BINS,
        ),
    )


def reachable(model: Model, rows: Sequence[Features], truth: Sequence[Hashable]) -> int:
    """How many true pairs share a key that no hub holds: no model can find more than these link."""
    pairs = blocked_pairs(model, rows, pairs_max=10_000_000, seed=0)
    return sum(truth[a] == truth[b] for a, b in pairs.tolist())


def trial_hasher(seed: int) -> Hasher:
    """A hasher for rows that never leave this process; the same for the same seed."""
    return Hasher(sha256(f"trial {seed}".encode()).digest())


def _shuffled(
    model: Model, hasher: Hasher, rows: Sequence[Features], *, seed: int, shuffles: int
) -> Iterable[list[frozenset[int]]]:
    for shuffle in range(shuffles):
        order = list(range(len(rows)))
        random.Random(f"{seed} {shuffle}").shuffle(order)  # noqa: S311 - a repeatable order
        linker = Linker(model, hasher)
        for at in order:
            linker.add(at, rows[at])
        yield linker.partition()
