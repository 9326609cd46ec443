"""What a relation model says, as data: types, relations, rewrites and conditions.

Nodes compare by meaning; where they stand in the text (`at`) is kept for error messages only.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from servicekit.errors import Invalid


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the text, counted from 1; line 0 is nowhere."""

    line: int = 0
    column: int = 0


NOWHERE = Position()


class BadModel(Invalid):
    """The text is no valid model; `line` and `column` (from 1) say where it goes wrong."""

    def __init__(self, reason: str, at: Position = NOWHERE) -> None:
        super().__init__(f"line {at.line}, column {at.column}: {reason}")
        self.reason = reason
        self.line = at.line
        self.column = at.column


@dataclass(frozen=True, slots=True)
class Restriction:
    """A kind of subject that a fact may name: `user`, `user:*`, `group#member`, each `with` a condition or not."""

    type: str
    relation: str = ""
    is_wildcard: bool = False
    condition: str = ""
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Direct:
    """Holds by a fact about one of these kinds of subject."""

    restrictions: tuple[Restriction, ...]
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """Holds when `relation` of the same resource holds."""

    relation: str
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Via:
    """`relation from link`: holds when `relation` holds of a resource that the fact `link` names."""

    relation: str
    link: str
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Union:
    """Holds when any part holds."""

    parts: tuple["Rewrite", ...]


@dataclass(frozen=True, slots=True)
class Intersection:
    """Holds when every part holds."""

    parts: tuple["Rewrite", ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Holds when `base` holds and `minus` does not."""

    base: "Rewrite"
    minus: "Rewrite"


Rewrite: TypeAlias = Direct | Computed | Via | Union | Intersection | Exclusion


@dataclass(frozen=True, slots=True)
class Relation:
    """`define name: rewrite`."""

    name: str
    rewrite: Rewrite
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Type:
    """A type of resource or subject with its relations."""

    name: str
    relations: tuple[Relation, ...] = ()
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ParameterType:
    """`string`, `int`, `uint`, `double`, `bool`, `timestamp`, `duration`, `ipaddress`, `any`, `list`, `map`.

    Only a list and a map have an `item`; a map's keys are strings.
    """

    name: str
    item: "ParameterType | None" = None

    def __str__(self) -> str:
        """As it is written in a model."""
        return self.name if self.item is None else f"{self.name}<{self.item}>"


@dataclass(frozen=True, slots=True)
class Condition:
    """`condition name(parameters) { expression }`; the expression is CEL and yields a bool."""

    name: str
    parameters: tuple[tuple[str, ParameterType], ...]
    expression: str
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Model:
    """A whole model. One made by `parse_model` is valid; `to_dsl` writes it back."""

    types: tuple[Type, ...]
    conditions: tuple[Condition, ...] = ()

    @cached_property
    def rewrites(self) -> dict[tuple[str, str], Rewrite]:
        """Each relation's rewrite by (type, relation)."""
        return {(t.name, r.name): r.rewrite for t in self.types for r in t.relations}

    @cached_property
    def type_names(self) -> frozenset[str]:
        """The declared types."""
        return frozenset(t.name for t in self.types)


def parts_of(rewrite: Rewrite) -> tuple[Rewrite, ...]:
    """The rewrites directly inside this one."""
    match rewrite:
        case Union(parts) | Intersection(parts):
            return parts
        case Exclusion(base, minus):
            return (base, minus)
        case _:
            return ()


def leaves_of(rewrite: Rewrite) -> tuple[Direct | Computed | Via, ...]:
    """Every leaf of the rewrite, in the order of the text."""
    if isinstance(rewrite, Direct | Computed | Via):
        return (rewrite,)
    return tuple(leaf for part in parts_of(rewrite) for leaf in leaves_of(part))


def linked_types(link: Rewrite) -> tuple[str, ...]:
    """The types that facts of a link relation name, each once."""
    return tuple(
        dict.fromkeys(
            r.type
            for leaf in leaves_of(link)
            if isinstance(leaf, Direct)
            for r in leaf.restrictions
        )
    )
