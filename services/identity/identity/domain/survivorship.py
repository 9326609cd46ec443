"""Which value stands where systems say different things (ID-11): the rules, as data with a version.

A policy is an ordered list of rules per field. Each rule keeps the best of what the rules before it left; what they
leave at the end is put in one total order, so that the same statements give the same value in any order.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from servicekit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

MOBILE_DIGITS = 11


class Rule(StrEnum):
    """Why a value stands. Only those of `CHOOSING` may be listed for a field."""

    PIN = "pin"  # a steward said so
    OWNER = "owner"  # only the systems that own the field count (PM-10)
    ONLY_VALUE = "only_value"  # nobody says anything else
    ALL = "all"  # a list, to which all contribute
    NEWEST = "newest"
    SOURCE_ORDER = "source_order"
    LONGEST = "longest"
    MOST_FREQUENT = "most_frequent"
    LEXICAL = "lexical"


CHOOSING = (
    Rule.NEWEST,
    Rule.SOURCE_ORDER,
    Rule.LONGEST,
    Rule.MOST_FREQUENT,
    Rule.LEXICAL,
)


class Comparison(StrEnum):
    """When two texts say the same."""

    TEXT = "text"
    PHONE = "phone"


class FieldIsLocked(Conflict):
    """The field has owners and nobody else may set it (PM-10)."""

    def __init__(self, field: str, owners: tuple[str, ...]) -> None:
        super().__init__(f"{field} is set by {', '.join(owners)} only")
        self.field = field
        self.owners = owners


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """How one field is decided.

    Only statements of `owners` count, if there are any; a steward may set such a field only where `may_pin` says so.
    A field of which `values_max` is above 1 is a list, separated by commas: what all sources say, and with it the
    values of the fields in `gathers` that do not stand there.
    """

    rules: tuple[Rule, ...]
    owners: tuple[str, ...] = ()
    may_pin: bool = True
    comparison: Comparison = Comparison.TEXT
    values_max: int = 1
    gathers: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether the field holds several values."""
        return self.values_max > 1


@dataclass(frozen=True, slots=True)
class SurvivorshipPolicy:
    """The rules of all fields.

    `source_order` ranks systems, the strongest first; one that is not in it comes last. A source whose clock is ahead
    of ours by more than `clock_ahead_max` is believed only up to when we heard of it.
    """

    version: int
    source_order: tuple[str, ...]
    clock_ahead_max: timedelta
    default: FieldPolicy
    fields: Mapping[str, FieldPolicy]
    lists: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Notes once which fields are lists: every record asks."""
        lists = frozenset(name for name, rules in self.fields.items() if rules.is_list)
        object.__setattr__(self, "lists", lists)

    def of(self, field: str) -> FieldPolicy:
        """How `field` is decided, also one that the policy does not name."""
        return self.fields.get(field, self.default)

    def rank(self, system: str) -> int:
        """The place of a system among the sources, 0 for the strongest."""
        order = self.source_order
        return order.index(system) if system in order else len(order)

    def check_pin(self, field: str) -> None:
        """Raises `FieldIsLocked` when no steward may set this field."""
        policy = self.of(field)
        if not policy.may_pin:
            raise FieldIsLocked(field, policy.owners)


def same_form(text: str, comparison: Comparison) -> str:
    """The form in which texts are compared; never shown."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    folded = " ".join(plain.casefold().split())
    return _phone_form(folded) if comparison is Comparison.PHONE else folded


def _phone_form(folded: str) -> str:
    """Digits of a phone without the prefix of China, its extension behind an x; other texts as they are."""
    number, _, extension = folded.partition("ext")
    digits = "".join(filter(str.isdigit, number))
    digits = digits.removeprefix("00") if len(digits) > MOBILE_DIGITS else digits
    if not digits or "*" in number:
        return folded
    if len(digits) == MOBILE_DIGITS + 2 and digits.startswith("86"):
        digits = digits[2:]
    inner = "".join(filter(str.isdigit, extension))
    return f"{digits}x{inner}" if inner else digits
