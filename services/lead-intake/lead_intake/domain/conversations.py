"""What was said or written between a customer and one of ours, within bounds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES_MAX: Final = 2000
CHARS_MAX: Final = 200_000
"""Of all lines together; in UTF-8 and sealed they stay below the largest event, which is 1,000,000 bytes."""

At: TypeAlias = int | datetime | None
"""When something was said: seconds from the beginning, a time, or not stated."""

_SECONDS_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One utterance or message as its system states it. `repr` reveals nothing."""

    is_customer: bool
    text: str
    at: At = None

    def __repr__(self) -> str:
        return f"SpokenLine({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance or message; `at_s` is seconds from the beginning. `repr` reveals nothing, `str` is the line."""

    is_customer: bool
    text: str
    at_s: int | None = None

    def __repr__(self) -> str:
        return f"Line({len(self.text)} characters)"

    def __str__(self) -> str:
        at = "" if self.at_s is None else f" {self.at_s}"
        return f"{'customer' if self.is_customer else 'ours'}{at}: {self.text}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Lines in their order. `is_cut` says that there were more; `customer_count` counts the customer's before the cut.

    Of lines beyond the first 2,000 it counts none.
    """

    lines: tuple[Line, ...] = ()
    is_cut: bool = False
    customer_count: int = 0


def conversation(spoken: Sequence[SpokenLine], *, began_at: datetime | None) -> Conversation:
    """The conversation that was quoted, at most 2,000 lines and 200,000 characters; lines without words are left out.

    Times count from `began_at`, else from the first line that has one; a time before that is not stated.
    """
    worded = [line for line in spoken if line.text]
    first = began_at or next((each.at for each in worded if isinstance(each.at, datetime)), None)
    kept: list[Line] = []
    chars_left = CHARS_MAX
    for line in worded[:LINES_MAX]:
        if text := line.text[:chars_left]:
            kept.append(Line(line.is_customer, text, _seconds(line.at, first)))
        chars_left -= len(text)
    return Conversation(
        tuple(kept),
        len(worded) > LINES_MAX or sum(len(each.text) for each in worded) > CHARS_MAX,
        sum(each.is_customer for each in worded[:LINES_MAX]),
    )


def _seconds(at: At, first: datetime | None) -> int | None:
    if isinstance(at, datetime):
        at = None if first is None else int((at - first).total_seconds())
    return at if at is not None and 0 <= at <= _SECONDS_MAX else None
