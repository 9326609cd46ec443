"""How a mapping reads what was said in an interaction: from a list of messages, or from one text with speakers.

Whoever is not declared to be the customer is not the customer.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lead_intake.channels.plain_values import full_text, seconds
from lead_intake.domain.conversations import LINES_MAX, SpokenLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lead_intake.channels.reading_rules import Read

CUSTOMER: Final = "customer"
"""The word for the customer among speakers; all others are ours."""

ITEMS_READ_MAX: Final = LINES_MAX + 1
"""One more than are kept, so that it is known that there were more."""

_COLON: Final = ":\uff1a"
_GAP: Final = r"\s{0,3}"
_TIME: Final = r"(?P<at>\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d{1,3})?"
_CLOCK: Final = rf"[\[(\uff08\u3010]?{_GAP}{_TIME}{_GAP}[\])\uff09\u3011]?"
_SOMEBODY: Final = re.compile(
    rf"(?:{_CLOCK}{_GAP})?[^\s\d{_COLON}][^{_COLON}]{{0,19}}[{_COLON}](?!//)"
)

Speech: TypeAlias = tuple[SpokenLine, ...]


def list_reader(who: Read, text: Read, at: Read | None) -> Callable[[Any], Speech]:
    """What reads a list of messages, each by these; the customer's are those of which `who` is true or `customer`."""

    def line(item: Any) -> SpokenLine:
        said_by = who.of(item)
        return SpokenLine(
            said_by is True or said_by == CUSTOMER,
            full_text(text.of(item)),
            None if at is None else at.of(item),
        )

    def read(value: Any) -> Speech:
        found = value if isinstance(value, list) else ()
        return tuple(line(item) for item in found[:ITEMS_READ_MAX])

    return read


def transcript_reader(speakers: Mapping[str, str]) -> Callable[[Any], Speech]:
    """What reads one text in which a speaker's name and a colon begin a line, with or without a time before them.

    `speakers` says of each name whether it is the `customer` or `ours`. A line that begins with another name and a
    colon is not the customer's; one without a name goes on with what was said before. In a text that is one line, each
    declared name that begins it or follows a space begins another.
    """
    names = "|".join(re.escape(name) for name in sorted(speakers, key=len, reverse=True))
    begins = rf"(?:{_CLOCK}{_GAP})?(?P<who>{names}){_GAP}[{_COLON}]"
    declared, inside = re.compile(begins), re.compile(rf"(?<!\S){begins}")

    def read(value: Any) -> Speech:
        written = full_text(value)
        lines = written.splitlines()
        if len(lines) == 1:
            lines = _cut(written, inside)
        return tuple(_turns(lines, declared, speakers))

    return read


def _cut(text: str, beginnings: re.Pattern[str]) -> list[str]:
    places = [0, *(found.start() for found in beginnings.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(places)]


def _turns(
    lines: Sequence[str], declared: re.Pattern[str], speakers: Mapping[str, str]
) -> list[SpokenLine]:
    """The lines by who said them; what goes on with a line before is joined to it."""
    turns: list[SpokenLine] = []
    parts: list[list[str]] = []
    for line in filter(None, map(str.strip, lines)):
        turn, words = _turn(line, declared, speakers)
        if turn is None and turns:
            parts[-1].append(words)
        elif len(turns) < ITEMS_READ_MAX:
            turns.append(turn or SpokenLine(is_customer=False, text=""))
            parts.append([words])
        else:
            break
    return [
        SpokenLine(turn.is_customer, "\n".join(filter(None, said)), turn.at)
        for turn, said in zip(turns, parts, strict=True)
    ]


def _turn(
    line: str, declared: re.Pattern[str], speakers: Mapping[str, str]
) -> tuple[SpokenLine | None, str]:
    """Who begins to speak in a line, None when nobody does, and the words; other names than declared stay in them."""
    if found := declared.match(line):
        who = SpokenLine(speakers[found["who"]] == CUSTOMER, "", seconds(found["at"]))
        return who, line[found.end() :].lstrip()
    if found := _SOMEBODY.match(line):
        return SpokenLine(is_customer=False, text="", at=seconds(found["at"])), line
    return None, line
