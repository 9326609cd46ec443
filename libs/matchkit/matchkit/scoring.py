"""What the agreement of two records weighs, and why: Fellegi and Sunter's log2 likelihood ratios.

Pure: two records, a frozen model and the set of hubs always give the same bits.
"""

from __future__ import annotations

from enum import StrEnum
from math import exp2, log2
from typing import TYPE_CHECKING

import msgspec

from matchkit.weighing import weigher

if TYPE_CHECKING:
    from collections.abc import Container

    from matchkit.hashing import Hasher
    from matchkit.model import Features, Model


class Outcome(StrEnum):
    """What a pair's evidence amounts to."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"
    VETO = "veto"


class Assessment(msgspec.Struct, frozen=True):
    """The answer for one pair; `levels` are indexes by field, -1 where a side says nothing."""

    outcome: Outcome
    bits: float
    posterior: float
    levels: tuple[int, ...]
    veto: str = ""


class FieldEvidence(msgspec.Struct, frozen=True):
    """One field's part in an answer; `counted` is why its bits count or do not; holds no value.

    `counted`: `yes`, `crossed` (the two records have this field and its partner the other way
    round; the bits of both are halved among them), `hidden` (a stronger field of its group
    speaks), `hub` (the value is shared by too many), `missing` (a side says nothing). In a group
    that customers may share (`Model.shared`) the bits that speak for the pair are scaled down
    together to what the group may say, so that the bits counted always add up.
    """

    field: str
    level: str
    m: float
    u: float
    frequency: float | None
    bits: float
    counted: str


class Explanation(msgspec.Struct, frozen=True):
    """Every field's part in an answer, with the prior and the version they come from."""

    assessment: Assessment
    model_version: str
    prior_bits: float
    fields: tuple[FieldEvidence, ...]


class Hubs:
    """The keys known to be shared by too many, with the hasher their tokens are made by."""

    def __init__(self, hasher: Hasher, tokens: Container[int]) -> None:
        """`tokens` may go on changing; each question is answered by its present state."""
        self._hasher = hasher
        self._tokens = tokens

    def muted(self, model: Model, a: Features, b: Features) -> tuple[Features, Features]:
        """The two records without the identifiers that they share with a hub."""
        mine, theirs = list(a), list(b)
        for position, field in enumerate(model.fields):
            if not field.identifier:
                continue
            shared = self._shared(model, position, a, b)
            if shared:
                mine[position] = _without(a[position], shared, many=field.many)
                theirs[position] = _without(b[position], shared, many=field.many)
        return tuple(mine), tuple(theirs)

    def _shared(self, model: Model, position: int, a: Features, b: Features) -> set[object]:
        field, kind = model.fields[position], model.kinds[position]
        others = set(field.values(b[position]))
        return {
            value
            for value in field.values(a[position])
            if value in others
            and any(
                self._hasher(field.name, text) in self._tokens
                for text in kind.parts["value"](value)
            )
        }


def score(model: Model, a: Features, b: Features) -> float:
    """Bits for one customer (prior included) over those for two; hubs are the caller's business."""
    return weigher(model).bits(a, b)


def posterior(bits: float) -> float:
    """The chance of one customer, given its log2 odds."""
    if bits > 500:
        return 1.0
    odds = exp2(bits) if bits > -500 else 0.0
    return odds / (1 + odds)


def bits_of(chance: float) -> float:
    """The log2 odds of a chance strictly between 0 and 1."""
    return log2(chance / (1 - chance))


def assess(model: Model, a: Features, b: Features, hubs: Hubs | None = None) -> Assessment:
    """The answer for one pair, after hubs and contradictions."""
    if hubs is not None:
        a, b = hubs.muted(model, a, b)
    weighing = weigher(model)
    bits = weighing.bits(a, b)
    chance = posterior(bits)
    veto = contradiction(model, a, b)
    return Assessment(_outcome(model, chance, veto), bits, chance, weighing.levels(a, b), veto)


def contradiction(model: Model, a: Features, b: Features) -> str:
    """The first exclusive field in which both records have values, and different ones; or nothing."""
    for position, _, term in model.exclusive_terms:
        mine, theirs = a[position], b[position]
        if mine is not None and theirs is not None and term(mine) != term(theirs):
            return model.fields[position].name
    return ""


def explain(model: Model, a: Features, b: Features, hubs: Hubs | None = None) -> Explanation:
    """Why a pair is answered as it is, field by field."""
    found = assess(model, a, b, hubs)
    mine, theirs = hubs.muted(model, a, b) if hubs is not None else (a, b)
    pieces = weigher(model).pieces(mine, theirs)
    fields = []
    for position, (field, piece) in enumerate(zip(model.fields, pieces, strict=True)):
        if piece is None:
            missing = a[position] is None or b[position] is None
            counted = "missing" if missing else "hub"
            fields.append(FieldEvidence(field.name, "", 0.0, 0.0, None, 0.0, counted))
            continue
        level = model.kinds[position].levels[piece.level]
        weight = field.weights[level]
        counted = "crossed" if piece.crossed else "yes" if piece.counted else "hidden"
        fields.append(
            FieldEvidence(
                field.name, level, weight.m, weight.u, piece.frequency, piece.bits, counted
            )
        )
    return Explanation(found, model.version, model.prior_bits, tuple(fields))


def _outcome(model: Model, chance: float, veto: str) -> Outcome:
    if veto:
        return Outcome.VETO
    if chance >= model.accept:
        return Outcome.ACCEPT
    return Outcome.REVIEW if chance >= model.review else Outcome.REJECT


def _without(value: object, shared: set[object], *, many: bool) -> object:
    if not many or not isinstance(value, tuple):
        return None
    return tuple(item for item in value if item not in shared) or None
