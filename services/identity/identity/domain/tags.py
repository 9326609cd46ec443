"""Tags of customers (ID-19, 标签治理): which words may be said, on what ground, and which stand for which.

A tag is a fact with a name, never an opinion: it says by which rule it is true and where that is found.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

NAME_CHARS_MAX = 40
WORDS_CHARS_MAX = 400
WITHIN_DAYS_MAX = 3650


class TagNotFound(NotFound):
    """No tag has this name, and the word stands for none."""


class TagExists(Conflict):
    """The word is another tag's, or the tag is defined otherwise."""


class TagRetired(Conflict):
    """The tag is out of use."""


class NotGivenByHand(Conflict):
    """Who has a computed tag is worked out; nobody gives or takes it."""


class MalformedTag(Invalid):
    """A definition lacks its name, rule or source, or is out of bounds."""


class OpinionTag(Invalid):
    """The name says what somebody thinks of a customer, not what is true of them."""


class TagKind(IntEnum):
    """Where a tag's members come from; kept in the database."""

    MANUAL = 1
    COMPUTED = 2


class Metric(IntEnum):
    """By what a computed tag is worked out; kept in the database."""

    PAYMENT_COUNT = 1
    PAID_FEN = 2
    INTERACTION_COUNT = 3
    TICKET_COUNT = 4
    CONTRACT_COUNT = 5
    LEAD_COUNT = 6


@dataclass(frozen=True, slots=True)
class Computation:
    """The metric over the last days is at least so much: 外卖活跃 is three orders in seven days."""

    metric: Metric
    within_days: int
    at_least: int


@dataclass(frozen=True, slots=True)
class Definition:
    """What a tag means; `dimension` is empty when it stands alone, `computed_by` None when people give it."""

    name: str
    dimension: str
    rule: str
    source: str
    computed_by: Computation | None
    is_closing: bool

    @property
    def kind(self) -> TagKind:
        """Where its members come from."""
        return TagKind.MANUAL if self.computed_by is None else TagKind.COMPUTED


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag on record."""

    tag_id: int
    definition: Definition
    synonyms: tuple[str, ...]
    customer_count: int
    made_by: str
    made_at: datetime
    retired_at: datetime | None
    computed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag that a customer has or had."""

    definition: Definition
    evidence: str
    actor: str
    since: datetime
    until: datetime | None


def checked(definition: Definition, *, opinion_words: Collection[str]) -> Definition:
    """The definition with its words in normal form.

    Raises `MalformedTag` without a rule or a source, `OpinionTag` when the name holds one of `opinion_words`.
    """
    name, dimension = word(definition.name), _prose(definition.dimension, NAME_CHARS_MAX)
    rule, source = (
        _prose(definition.rule, WORDS_CHARS_MAX),
        _prose(definition.source, WORDS_CHARS_MAX),
    )
    if not rule or not source:
        raise MalformedTag("a tag says by which rule it is true and where that is found")
    if any(opinion in name for opinion in opinion_words):
        raise OpinionTag("the name is an opinion; name the fact behind it")
    _check_computation(definition.computed_by)
    return Definition(name, dimension, rule, source, definition.computed_by, definition.is_closing)


def word(text: str) -> str:
    """A tag's name or synonym in normal form: NFKC, no white space around it; raises `MalformedTag`."""
    name = _prose(text, NAME_CHARS_MAX)
    if not name:
        raise MalformedTag("a tag needs a name")
    return name


def _prose(text: str, chars_max: int) -> str:
    normal = unicodedata.normalize("NFKC", text).strip()
    if len(normal) > chars_max:
        raise MalformedTag(f"at most {chars_max} characters")
    if any(unicodedata.category(char).startswith("C") for char in normal):
        raise MalformedTag("no control characters")
    return normal


def _check_computation(computed_by: Computation | None) -> None:
    if computed_by is None:
        return
    if not 1 <= computed_by.within_days <= WITHIN_DAYS_MAX:
        raise MalformedTag(f"within_days is 1 to {WITHIN_DAYS_MAX}")
    if computed_by.at_least < 1:
        raise MalformedTag("at_least is 1 or more")
