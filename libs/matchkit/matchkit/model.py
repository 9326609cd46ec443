"""A matching model: fields, keys, weights and frequencies, frozen under one version.

Everything a decision depends on besides the two records and the set of hubs is in here, so that a decision can be
repeated and explained as long as the model is kept.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import msgspec
import yaml

from matchkit.errors import ModelInvalid
from matchkit.fields import Crossing, Field, Weight
from matchkit.frequencies import Frequencies
from matchkit.hashing import Hasher
from matchkit.keys import KeyPlan, KeyRule
from matchkit.kinds import Kind, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matchkit.kinds.kind import Term

    Reader = Callable[[Mapping[str, str | Sequence[str]]], Value | None]

__all__ = [
    "Crossing",
    "Features",
    "Field",
    "Frequencies",
    "Hasher",
    "KeyRule",
    "Model",
    "Record",
    "Weight",
]

FULL_NAME = "full name"
"""The kind that full names are hashed as."""

_encode = msgspec.msgpack.Encoder().encode

Features = tuple[Value | None, ...]
"""A record as it is compared: one value per field of the model, None where it says nothing."""


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record as the linker keeps it; every token is keyed (`Hasher`)."""

    id: int
    digest: bytes
    features: Features
    keys: tuple[int, ...]
    identifiers: tuple[int, ...]
    exclusives: tuple[tuple[int, int], ...]
    names: tuple[int, ...]


class Model(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    dict=True,
):
    """Fields, keys and weights.

    `prior_bits` is the log2 odds that two records drawn at random are of one customer. A key held by more than
    `records_max` records, or an identifier held under more than `names_max` different full names (`names` is the key
    part that tells a full name), is a hub's: it proposes nobody, and agreement on it weighs nothing.

    `owned` is the key part of what a customer mostly has one of (a mobile): it keeps parts of a family apart
    (`matchkit.families`).

    `shared` says of a group of fields how likely two different customers have in common what the group tells of:
    colleagues their firm, someone at two firms the person. Its fields add up, and no more than that chance allows.
    Of a group that is not in `shared` only the largest positive and the largest negative weight count.
    """

    version: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...]
    prior_bits: float = 0.0
    accept: float = 0.85
    review: float = 0.50
    records_max: int = 64
    names: str = ""
    names_max: int = 4
    owned: str = ""
    customer_size_max: int = 50
    crossings: tuple[Crossing, ...] = ()
    shared: dict[str, float] = {}
    frequencies: dict[str, Frequencies] = {}

    def __post_init__(self) -> None:
        """Raises `ModelInvalid` when the parts do not fit together."""
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names) or not names:
            raise ModelInvalid("a model needs fields, each of its own name")
        if not 0 < self.review <= self.accept < 1:
            raise ModelInvalid("0 < review <= accept < 1 must hold")
        for field in self.fields:
            self._check(field)
        self._check_shared()
        _ = self.rules, self.name_rule, self.crossed_positions

    def _check(self, field: Field) -> None:
        levels = field.of_kind().levels
        if field.weights and set(field.weights) != set(levels):
            raise ModelInvalid(f"field {field.name}: weights are needed for {', '.join(levels)}")
        if any(not (0 < weight.m < 1 and 0 < weight.u < 1) for weight in field.weights.values()):
            raise ModelInvalid(f"field {field.name}: chances lie between 0 and 1")
        if field.identifier and field.name not in self.keys:
            raise ModelInvalid(f"field {field.name}: an identifier needs a key of its own")
        if field.exclusive and field.many:
            raise ModelInvalid(f"field {field.name}: an exclusive field has one value")

    def _check_shared(self) -> None:
        groups = {field.group for field in self.fields if field.group}
        if not groups.issuperset(self.shared):
            raise ModelInvalid("what is shared is a group of fields")
        if any(not 0 < chance < 1 for chance in self.shared.values()):
            raise ModelInvalid("the chance that two customers share a group lies between 0 and 1")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The model in a YAML file; raises `ModelInvalid` for anything that is not one."""
        try:
            return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), cls)
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise ModelInvalid(f"{path.name}: {error}") from error

    def dump(self) -> str:
        """The model as YAML that `load` reads back."""
        return yaml.safe_dump(
            msgspec.to_builtins(self), sort_keys=False, allow_unicode=True, width=120
        )

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each field, by position."""
        return tuple(field.of_kind() for field in self.fields)

    @cached_property
    def rules(self) -> tuple[KeyRule, ...]:
        """The key rules, compiled."""
        return tuple(KeyRule(name, self.fields) for name in self.keys)

    @cached_property
    def name_rule(self) -> KeyRule | None:
        """What tells a full name, compiled."""
        return KeyRule(self.names, self.fields) if self.names else None

    @cached_property
    def crossed_positions(self) -> tuple[tuple[int, int], ...]:
        """The positions of each crossing's fields; raises `ModelInvalid`."""
        at = {field.name: position for position, field in enumerate(self.fields)}
        return tuple(self._crossed(crossing, at) for crossing in self.crossings)

    def _crossed(self, crossing: Crossing, at: Mapping[str, int]) -> tuple[int, int]:
        one, other = (self.fields[at[name]] if name in at else None for name in crossing.fields)
        if one is None or other is None or one.kind != other.kind or one == other:
            raise ModelInvalid("a crossing needs two fields of one kind")
        if any(field.group or field.many or field.identifier for field in (one, other)):
            raise ModelInvalid("a crossing needs fields of one value each, outside any group")
        if not 0 < crossing.chance < 1:
            raise ModelInvalid("the chance of a crossing lies between 0 and 1")
        return at[one.name], at[other.name]

    @cached_property
    def _readers(self) -> tuple[tuple[str | None, Reader], ...]:
        """What reads each field, and the one name that it is read from: most records lack most of them."""
        return tuple((field.only_name, field.reader()) for field in self.fields)

    @cached_property
    def _identifier_rules(self) -> tuple[KeyRule, ...]:
        names = {field.name for field in self.fields if field.identifier}
        return tuple(rule for rule in self.rules if rule.name in names)

    @cached_property
    def exclusive_terms(self) -> tuple[tuple[int, str, Term], ...]:
        """Position of each exclusive field, and what its values are hashed as."""
        return tuple(
            (position, f"exclusive {field.name}", kind.term)
            for position, (field, kind) in enumerate(zip(self.fields, self.kinds, strict=True))
            if field.exclusive
        )

    def read(self, raw: Mapping[str, str | Sequence[str]]) -> Features:
        """The features of a raw record: field or alias name to text or texts.

        Raises `Unreadable` for a value longer than any value can be.
        """
        return tuple(
            [read(raw) if name is None or name in raw else None for name, read in self._readers]
        )

    def encode(self, features: Features) -> bytes:
        """The features as bytes, to be sealed and stored."""
        return _encode(features)

    def decode(self, content: bytes) -> Features:
        """The features that `encode` wrote; raises `ModelInvalid` when they are of another model."""
        features = _tuples(msgspec.msgpack.decode(content))
        if not isinstance(features, tuple) or len(features) != len(self.fields):
            raise ModelInvalid(f"the stored features are not of model {self.version}")
        return features

    def keys_of(self, features: Features, hasher: Hasher) -> dict[int, str]:
        """The tokens of a record's keys, each with the name of its rule."""
        return {
            token: rule.name
            for rule in self.rules
            for token in hasher.tokens(rule.name, rule.texts(features))
        }

    def digest(self, features: Features, hasher: Hasher) -> bytes:
        """16 bytes that are equal for equal features only."""
        return hasher.digest(_encode(features))

    def identifiers(self, features: Features, hasher: Hasher) -> tuple[int, ...]:
        """The tokens of the record's identifiers; each of them is a key, too."""
        texts = [
            (rule.name, text)
            for rule in self._identifier_rules
            if features[rule.parts[0][0]] is not None
            for text in rule.texts(features)
        ]
        return hasher.tokens_of(texts)

    def exclusives(self, features: Features, hasher: Hasher) -> tuple[tuple[int, int], ...]:
        """Position and token of each value that excludes every other value of its field."""
        return tuple(
            (position, hasher(kind, term(features[position]) or ""))
            for position, kind, term in self.exclusive_terms
            if features[position] is not None
        )

    def full_names(self, features: Features, hasher: Hasher) -> tuple[int, ...]:
        """The tokens of the full names that the record gives; none when it gives only a part."""
        if self.name_rule is None:
            return ()
        return tuple(hasher.tokens(FULL_NAME, self.name_rule.texts(features)))

    def record(self, record_id: int, features: Features, hasher: Hasher) -> Record:
        """The record as the linker keeps it."""
        texts, identifying = self._key_plan.texts(features)
        keys_end = len(texts)
        excluding = []
        for position, kind, term in self.exclusive_terms:
            value = features[position]
            if value is not None:
                texts.append((kind, term(value) or ""))
                excluding.append(position)
        names_begin = len(texts)
        if self.name_rule is not None:
            for name in self.name_rule.texts(features):
                texts.append((FULL_NAME, name))
        tokens = hasher.tokens_of(texts)
        return Record(
            record_id,
            hasher.digest(_encode(features)),
            features,
            tuple(dict.fromkeys(tokens[:keys_end])),
            tuple([tokens[at] for at in identifying]),
            tuple(zip(excluding, tokens[keys_end:names_begin], strict=True)),
            tokens[names_begin:],
        )

    @cached_property
    def _key_plan(self) -> KeyPlan:
        return KeyPlan(self.rules, {rule.name for rule in self._identifier_rules})


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value
