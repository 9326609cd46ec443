"""Behaviours (行为标签): what customers said and did, found by rules or marked by hand, and streaks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Invalid, NotFound

from engagement.domain.phrases import Near, Span, Text, any_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

RED = "red"
"""The rule id of key sentences."""
BY_HAND = "by_hand"
"""The rule id of what a person marked."""
MARKS_MAX = 500
"""Marks kept of one contact; more would show no more."""


class UnknownTag(Invalid):
    """A tag that nobody declared."""

    def __init__(self, tag: str, declared: Iterable[str]) -> None:
        super().__init__(f"{tag!r} is none of {', '.join(declared)}")


class NoTranscript(NotFound):
    """Nothing is on record of what was said then."""

    def __init__(self, contact_id: UUID) -> None:
        super().__init__(f"nothing is on record of what was said in contact {contact_id}")


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance or message."""

    is_customer: bool
    text: str
    at_s: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for: one of `words`, or one near another."""

    rule_id: str
    tag: str
    words: tuple[str, ...] = ()
    near: Near | None = None
    is_anybodys: bool = False

    def spans_in(self, text: Text) -> list[Span]:
        """Where it stands."""
        if self.near is not None:
            return sorted(set(text.spans_near(self.near)))
        return any_of(text, self.words)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Where a rule found something: the line from 0, and the characters in it. `tag` is empty for key sentences."""

    line: int
    span: Span
    rule_id: str
    tag: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What everybody who opens the customer shall see."""

    banner_id: str
    zh: str
    en: str
    colour: str


@dataclass(frozen=True, slots=True)
class Streak:
    """So many contacts in a row, each with one of `tags`, raise a banner (FU-25)."""

    tags: frozenset[str]
    in_a_row: int
    banner: Banner

    def is_on(self, newest_first: Sequence[frozenset[str]]) -> bool:
        """Whether the newest contacts, given by their tags, are such a streak."""
        newest = newest_first[: self.in_a_row]
        return len(newest) == self.in_a_row and all(tags & self.tags for tags in newest)


@dataclass(frozen=True, slots=True)
class BehaviourPolicy:
    """The rules in force."""

    version: int
    tags: Mapping[str, tuple[str, str]]
    """Chinese and English name by tag."""
    rules: Sequence[Rule]
    red: tuple[str, ...]
    streaks: Sequence[Streak]

    def marks_in(self, lines: Sequence[Line]) -> list[Mark]:
        """What the rules find in what was said, in order; at most `MARKS_MAX`."""
        found: list[Mark] = []
        for number, line in enumerate(lines):
            text = Text(line.text)
            found += [Mark(number, span, RED, "") for span in any_of(text, self.red)]
            found += [
                Mark(number, span, rule.rule_id, rule.tag)
                for rule in self.rules
                if line.is_customer or rule.is_anybodys
                for span in rule.spans_in(text)
            ]
        return sorted(found)[:MARKS_MAX]

    def check(self, tag: str) -> None:
        """Raises `UnknownTag` for what nobody declared."""
        if tag not in self.tags:
            raise UnknownTag(tag, self.tags)

    @property
    def reach(self) -> int:
        """How many of the newest contacts any streak looks at."""
        return max((streak.in_a_row for streak in self.streaks), default=0)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one contact with a customer, and what the rules found in it."""

    contact_id: UUID
    golden_id: str
    happened_at: datetime
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    policy_version: int = 0

    @property
    def tags(self) -> frozenset[str]:
        """The tags that were found."""
        return frozenset(mark.tag for mark in self.marks if mark.tag)


def told_on(known: tuple[Line, ...], told: tuple[Line, ...]) -> tuple[Line, ...]:
    """All that was said, by what is on record and what is told now: everything anew, or what came after."""
    return told if told[: len(known)] == known else known + told


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One behaviour of a customer: found in a contact, or marked by somebody about a lead."""

    tag: str
    rule_id: str
    policy_version: int
    happened_at: datetime
    contact_id: UUID | None = None
    marked_by: str = ""
