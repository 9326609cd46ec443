"""Blocking keys: two records are compared if and only if they share one that no hub holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.errors import ModelInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from matchkit.fields import Field
    from matchkit.kinds import Value

    Cut = Callable[[Value], Iterable[str]]

KEYS_OF_RULE_MAX = 64
BETWEEN_PARTS = "\x1f"
NOTHING = ("",)


class KeyRule:
    """A rule such as `uscc+name:surname`: fields, or named parts of them, joined by plus signs."""

    def __init__(self, name: str, fields: Sequence[Field]) -> None:
        """Raises `ModelInvalid` for a field or a part that does not exist."""
        self.name = name
        self.specs = tuple(name.split("+"))
        self.parts = tuple(_part(spec, fields) for spec in self.specs)

    def texts(self, features: Sequence[Value | None]) -> Iterable[str]:
        """What this rule hashes for one record; nothing when a part of it is missing."""
        if len(self.parts) == 1:
            position, cut = self.parts[0]
            value = features[position]
            return () if value is None else cut(value)
        return self._joined(features)

    def _joined(self, features: Sequence[Value | None]) -> Iterable[str]:
        found: list[str] = []
        for position, cut in self.parts:
            value = features[position]
            if value is None:
                return ()
            pieces = cut(value)
            found = (
                [f"{text}{BETWEEN_PARTS}{piece}" for text in found for piece in pieces]
                if found
                else list(pieces)
            )
            if not found:
                return ()
        return found[:KEYS_OF_RULE_MAX]


class KeyPlan:
    """The rules of a model at once: a part is cut once, however many of them ask for it."""

    def __init__(self, rules: Sequence[KeyRule], identifying: Collection[str]) -> None:
        """`identifying` names the rules whose keys are identifiers."""
        parts = {
            spec: part for rule in rules for spec, part in zip(rule.specs, rule.parts, strict=True)
        }
        places = {spec: place for place, spec in enumerate(parts)}
        tails = dict.fromkeys(rule.specs[1:] for rule in rules)
        self._cuts = tuple(parts.values())
        self._tails = tuple(tuple(places[spec] for spec in tail) for tail in tails)
        self._rules = tuple(
            (
                rule.name,
                places[rule.specs[0]],
                list(tails).index(rule.specs[1:]),
                rule.name in identifying,
            )
            for rule in rules
        )

    def texts(self, features: Sequence[Value | None]) -> tuple[list[tuple[str, str]], list[int]]:
        """What a record's keys hash, each with its rule's name, and the places of those that identify."""
        pieces: list[Iterable[str]] = [
            () if features[position] is None else cut(features[position])
            for position, cut in self._cuts
        ]
        tails = [_tail(pieces, tail) if tail else NOTHING for tail in self._tails]
        found: list[tuple[str, str]] = []
        identifying: list[int] = []
        for name, head, tail, identifies in self._rules:
            texts = pieces[head]
            if not texts:
                continue
            start = len(found)
            for text in texts:
                for further in tails[tail]:
                    found.append((name, text + further))  # noqa: PERF401 - twice as fast as a comprehension of one
            if identifies:
                identifying.extend(range(start, len(found)))
            elif len(found) - start > KEYS_OF_RULE_MAX and self._tails[tail]:
                del found[start + KEYS_OF_RULE_MAX :]
        return found, identifying


def _tail(pieces: Sequence[Iterable[str]], places: Sequence[int]) -> Sequence[str]:
    """What follows the first part of a rule: each combination of its other parts."""
    if len(places) == 1:
        return [BETWEEN_PARTS + piece for piece in pieces[places[0]]]
    found = [""]
    for place in places:
        found = [f"{text}{BETWEEN_PARTS}{piece}" for text in found for piece in pieces[place]]
    return found


def _part(spec: str, fields: Sequence[Field]) -> tuple[int, Cut]:
    field_name, _, part_name = spec.partition(":")
    position = next((at for at, field in enumerate(fields) if field.name == field_name), None)
    if position is None:
        raise ModelInvalid(f"key part {spec!r}: there is no field {field_name!r}")
    field = fields[position]
    cut = field.of_kind().parts.get(part_name or "value")
    if cut is None:
        raise ModelInvalid(f"key part {spec!r}: kind {field.kind} has no such part")
    return position, _of_many(cut) if field.many else cut


def _of_many(cut: Cut) -> Cut:
    def cut_all(values: Value) -> Iterable[str]:
        if len(values) == 1:
            return cut(values[0])
        return dict.fromkeys(piece for value in values for piece in cut(value))

    return cut_all
