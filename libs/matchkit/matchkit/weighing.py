"""A model's weights, compiled for speed: one call per field, about two microseconds a pair."""

from __future__ import annotations

from math import exp2, log2
from typing import TYPE_CHECKING, NamedTuple

from matchkit.errors import ModelInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matchkit.fields import Field
    from matchkit.frequencies import Frequencies
    from matchkit.kinds import Kind, Value
    from matchkit.model import Features, Model

    Weigh = Callable[[Value, Value], float]
    GroupPlan = tuple[tuple[int, Weigh], ...]
    Retold = dict[int, int]


class Piece(NamedTuple):
    """What one field says of a pair."""

    level: int
    bits: float
    frequency: float | None
    counted: bool
    crossed: bool = False


class FieldWeigher:
    """One field's weights; of many values the pair that agrees best is the one that counts."""

    def __init__(self, field: Field, kind: Kind, frequencies: Frequencies | None) -> None:
        """Raises `ModelInvalid` when the field has no weights: they are to be estimated first."""
        if not field.weights:
            raise ModelInvalid(f"field {field.name} has no weights yet")
        weights = [field.weights[level] for level in kind.levels]
        self.many = field.many
        self.compare = kind.compare
        self.term = kind.term
        self.bits = tuple(log2(weight.m / weight.u) for weight in weights)
        self.exact_m = weights[0].m
        self.frequencies = frequencies if field.uses_frequencies else None
        # Agreement on an identifier never counts against a pair, so that losing it to a hub can only lower a score.
        self.floor = 0.0 if field.identifier else float("-inf")

    def weigh(self, a: Value, b: Value) -> float:
        """The bits of two values."""
        level = self.compare(a, b)
        return self.bits[level] if level or self.frequencies is None else self.exact(a, b)

    def weigh_many(self, a: Value, b: Value) -> float:
        """The bits of the best pair among several values."""
        if len(a) == 1 and len(b) == 1:
            return self.weigh(a[0], b[0])
        return max(self.weigh(one, other) for one in a for other in b)

    def exact(self, a: Value, b: Value) -> float:
        """The bits of the first level, by how common the value is."""
        frequency = self.frequency(a, b)
        if frequency is None:
            return self.bits[0]
        return max(self.floor, log2(self.exact_m / frequency))

    def frequency(self, a: Value, b: Value) -> float | None:
        """How common the value is that both have; None when this field does not ask."""
        if self.frequencies is None:
            return None
        return self.frequencies.of_agreement(self.term, a, b)

    def piece(self, a: Value, b: Value) -> tuple[int, float, float | None]:
        """Level, bits and frequency of two values (or of the best pair of several)."""
        pairs = [(one, other) for one in a for other in b] if self.many else [(a, b)]
        one, other = max(pairs, key=lambda pair: self.weigh(*pair))
        level = self.compare(one, other)
        return level, self.weigh(one, other), None if level else self.frequency(one, other)


class Telling:
    """A field of a shared group, of which accounts may tell what its own value leaves unsaid."""

    def __init__(self, model: Model, at: int, field: FieldWeigher) -> None:
        """Raises `ModelInvalid` when nothing can tell this field more, or it is of no shared group."""
        kind, told = model.kinds[at], model.kinds[at].told
        positions = {each.name: place for place, each in enumerate(model.fields)}
        names = model.fields[at].told_by
        if told is None or not positions.keys() >= set(names):
            raise ModelInvalid(f"field {model.fields[at].name}: {', '.join(names)} cannot tell it")
        if model.fields[at].group not in model.shared:
            raise ModelInvalid(f"field {model.fields[at].name}: only shared groups are told more")
        self.at, self.field = at, field
        self._told, self._partial = told, kind.partial
        self._tellers = tuple(
            (positions[each], model.fields[positions[each]].group == model.fields[at].group)
            for each in names
        )

    def more(self, a: Features, b: Features) -> float:
        """The bits that accounts add to what the values say by themselves."""
        said, level = self.levels(a, b)
        if said == level:
            return 0.0
        bits = self.field.bits
        return bits[level] - (bits[said] if said >= 0 else 0.0)

    def levels(self, a: Features, b: Features) -> tuple[int, int]:
        """The level of the values by themselves and with what is told; -1 where a side says nothing."""
        mine, theirs = a[self.at], b[self.at]
        said = -1 if mine is None or theirs is None else self.field.compare(mine, theirs)
        if said not in self._partial:
            return said, said
        by_me, by_them = self._accounts(a, b), self._accounts(b, a)
        if not by_me and not by_them:
            return said, said
        return said, self._told(mine, theirs, by_me, by_them)

    def show(self, pieces: list[Piece | None], a: Features, b: Features) -> None:
        """Puts what is told in the place of what the values say by themselves."""
        said, level = self.levels(a, b)
        if level != said:
            pieces[self.at] = Piece(level, self.field.bits[level], None, counted=True)

    def _accounts(self, a: Features, b: Features) -> list[Value]:
        """What accounts of the first record tell; one that both have, if it counts in this group already, is silent."""
        return [
            a[at]
            for at, counts in self._tellers
            if a[at] is not None and not (counts and a[at] == b[at])
        ]


class CrossingWeigher:
    """Two fields that may stand in each other's place.

    The crossed reading counts by the lesser of both fields' weights, and only where the straight
    one does not speak for the pair.
    """

    def __init__(self, one: FieldWeigher, other: FieldWeigher, chance: float) -> None:
        self.one, self.other = one, other
        self.crossed_bits = log2(chance)
        self.straight_bits = log2(1 - chance)

    def weigh(self, a: tuple[Value, Value], b: tuple[Value, Value]) -> float:
        """The bits of both fields together."""
        return self.read(a, b)[0]

    def read(self, a: tuple[Value, Value], b: tuple[Value, Value]) -> tuple[float, bool]:
        """The bits of both fields together, and whether the crossed reading gave them."""
        straight = _said(self.one.weigh, a[0], b[0]) + _said(self.other.weigh, a[1], b[1])
        if straight > 0:
            return straight + self.straight_bits, False
        crossed = _said(self._least, a[0], b[1]) + _said(self._least, a[1], b[0])
        if crossed + self.crossed_bits > straight + self.straight_bits:
            return crossed + self.crossed_bits, True
        return straight + self.straight_bits, False

    def _least(self, a: Value, b: Value) -> float:
        return min(self.one.weigh(a, b), self.other.weigh(a, b))


class Weigher:
    """All fields' weights."""

    def __init__(self, model: Model) -> None:
        """Raises `ModelInvalid` when a field has no weights."""
        self._prior_bits = model.prior_bits
        self.fields = tuple(
            FieldWeigher(field, kind, model.frequencies.get(field.name))
            for field, kind in zip(model.fields, model.kinds, strict=True)
        )
        crossed = {at for pair in model.crossed_positions for at in pair}
        self.crossings = tuple(
            (one, other, CrossingWeigher(self.fields[one], self.fields[other], crossing.chance))
            for (one, other), crossing in zip(model.crossed_positions, model.crossings, strict=True)
        )
        self._plan: tuple[Weigh | None, ...] = tuple(
            None
            if field.group or at in crossed
            else (weigh.weigh_many if field.many else weigh.weigh)
            for at, (field, weigh) in enumerate(zip(model.fields, self.fields, strict=True))
        )
        groups = _groups(model)
        self._tellings = tuple(
            Telling(model, at, self.fields[at])
            for at, field in enumerate(model.fields)
            if field.told_by
        )
        self._strongest = tuple(
            self._group_plan(model, group)
            for name, group in groups.items()
            if name not in model.shared
        )
        self._limited = tuple(
            (
                self._group_plan(model, groups[name]),
                tuple(each for each in self._tellings if each.at in groups[name]),
                chance,
            )
            for name, chance in model.shared.items()
        )

    def _group_plan(self, model: Model, group: Iterable[int]) -> GroupPlan:
        return tuple(
            (at, self.fields[at].weigh_many if model.fields[at].many else self.fields[at].weigh)
            for at in group
        )

    def bits(self, a: Features, b: Features) -> float:
        """Prior and evidence of two records."""
        total = self._prior_bits
        for mine, theirs, weigh in zip(a, b, self._plan, strict=True):
            if mine is not None and theirs is not None and weigh is not None:
                total += weigh(mine, theirs)
        for one, other, crossing in self.crossings:
            total += crossing.weigh((a[one], a[other]), (b[one], b[other]))
        for group in self._strongest:
            total += _strongest_bits(group, a, b)
        for group, tellings, chance in self._limited:
            total += _limited_bits(group, tellings, chance, a, b)
        return total

    def levels(self, a: Features, b: Features) -> tuple[int, ...]:
        """The level of each field, -1 where a side says nothing."""
        return tuple(-1 if piece is None else piece.level for piece in self.pieces(a, b))

    def pieces(self, a: Features, b: Features) -> list[Piece | None]:
        """What each field says, None where a side says nothing."""
        found: list[Piece | None] = []
        for mine, theirs, field in zip(a, b, self.fields, strict=True):
            if mine is None or theirs is None:
                found.append(None)
            else:
                found.append(Piece(*field.piece(mine, theirs), counted=True))
        for telling in self._tellings:
            telling.show(found, a, b)
        for group in self._strongest:
            _hide(found, [at for at, _ in group])
        for group, _, chance in self._limited:
            _limit(found, [at for at, _ in group], chance)
        for one, other, crossing in self.crossings:
            bits, crossed = crossing.read((a[one], a[other]), (b[one], b[other]))
            if crossed:
                _show_crossed(found, (one, other), bits)
        return found


def _limited_bits(
    group: GroupPlan, tellings: Iterable[Telling], chance: float, a: Features, b: Features
) -> float:
    bits = 0.0
    for telling in tellings:
        bits += telling.more(a, b)
    for at, weigh in group:
        mine, theirs = a[at], b[at]
        if mine is not None and theirs is not None:
            bits += weigh(mine, theirs)
    return limited(bits, chance)


def limited(bits: float, chance: float) -> float:
    """What agreement on a group is worth when two different customers share all of it with this chance."""
    return bits - log2(1 - chance + chance * exp2(bits)) if bits else 0.0


def _strongest_bits(group: GroupPlan, a: Features, b: Features) -> float:
    best = worst = 0.0
    for at, weigh in group:
        bits = _said(weigh, a[at], b[at])
        if bits > best:
            best = bits
        elif bits < worst:
            worst = bits
    return best + worst


def _said(weigh: Weigh, a: Value | None, b: Value | None) -> float:
    return 0.0 if a is None or b is None else weigh(a, b)


def _show_crossed(pieces: list[Piece | None], places: tuple[int, int], bits: float) -> None:
    """Tells a crossed reading as two halves at the first level."""
    for at in places:
        pieces[at] = Piece(0, bits / 2, None, counted=True, crossed=True)


def weigher(model: Model) -> Weigher:
    """The compiled weights of a model, made once."""
    compiled = model.__dict__.get("weigher")
    if compiled is None:
        compiled = model.__dict__["weigher"] = Weigher(model)
    return compiled


def _groups(model: Model) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for position, field in enumerate(model.fields):
        if field.group:
            found.setdefault(field.group, []).append(position)
    return {name: tuple(group) for name, group in found.items()}


def _limit(pieces: list[Piece | None], group: Sequence[int], chance: float) -> None:
    """Scales what speaks for the pair, so that the pieces add up to what the group may say."""
    said = [(at, piece) for at in group if (piece := pieces[at]) is not None]
    bits = sum(piece.bits for _, piece in said)
    pro = sum(piece.bits for _, piece in said if piece.bits > 0)
    if pro:
        kept = (pro - bits + limited(bits, chance)) / pro
        for at, piece in said:
            if piece.bits > 0:
                pieces[at] = piece._replace(bits=piece.bits * kept)


def _hide(pieces: list[Piece | None], group: Sequence[int]) -> None:
    """Of a correlated group, only the largest positive and the largest negative weight count."""
    said = [(piece.bits, at) for at in group if (piece := pieces[at]) is not None]
    best, worst = (max(said), min(said)) if said else ((0.0, -1), (0.0, -1))
    counted = {at for bits, at in (best,) if bits > 0} | {at for bits, at in (worst,) if bits < 0}
    for _, at in said:
        piece = pieces[at]
        if piece is not None and at not in counted:
            pieces[at] = piece._replace(counted=False)
