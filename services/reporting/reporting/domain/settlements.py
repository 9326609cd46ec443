"""Settled follow-up rates: closed statements of a month, of which a correction is another one.

The document of a statement holds what is approved and nothing else: the same figures give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from servicekit.errors import Conflict, Invalid, NotFound

from reporting.domain.rates import Period, Tally, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class MonthStillRuns(Conflict):
    """A month cannot be settled yet: it is not over, or some of its assignments are not due."""

    def __init__(self, month: Month, running: int) -> None:
        why = f"{running} of its assignments are not due" if running else "it is not over"
        super().__init__(f"{month} cannot be settled yet: {why}")


class SettledMeanwhile(Conflict):
    """Somebody else has settled the same month in this moment."""

    def __init__(self, month: Month) -> None:
        super().__init__(f"{month} has been settled by somebody else; look at it again")


class UnknownSettlement(NotFound):
    """There is no statement of this number."""

    def __init__(self, settlement_no: int) -> None:
        super().__init__(f"no settlement {settlement_no}")


class Month(NamedTuple):
    """A month of the calendar."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month written as YYYY-MM; raises `Invalid`."""
        found = _MONTH.fullmatch(text)
        if found is None or found[1] == "0000":
            raise Invalid("period is no month such as 2026-02")
        return cls(int(found[1]), int(found[2]))

    def period(self, time_zone: str) -> Period:
        """From its first moment in a zone to that of the next month."""
        zone = ZoneInfo(time_zone)
        over = Month(self.year + self.number // 12, self.number % 12 + 1)
        since, until = (datetime(*each, 1, tzinfo=zone) for each in (self, over))
        return Period(since, until)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


class SettledRate(NamedTuple):
    """What one rep has done in a month; differences are to the statement before."""

    rep_id: str
    given: int
    excluded: int
    due: int
    within_72h: int
    due_difference: int = 0
    within_72h_difference: int = 0

    @property
    def figures(self) -> tuple[str, int, int, int, int]:
        """Without the differences."""
        return self.rep_id, self.given, self.excluded, self.due, self.within_72h

    @property
    def rate_72h(self) -> float | None:
        """Within 72 hours of those due; None when nothing was."""
        return share(self.within_72h, self.due)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a statement of a month would say; `running` assignments are not due yet."""

    month: Month
    revision: int
    definition_version: int
    time_zone: str
    lines: list[SettledRate]
    running: int
    is_unchanged: bool

    @property
    def document(self) -> str:
        """The statement as it is approved and published: one JSON object with sorted names."""
        content = {
            "metric": "follow_up_rate",
            "definition_version": self.definition_version,
            "period": str(self.month),
            "time_zone": self.time_zone,
            "revision": self.revision,
            "lines": [each._asdict() for each in self.lines],
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @property
    def sha256(self) -> bytes:
        """The digest of the document."""
        return hashlib.sha256(self.document.encode()).digest()


@dataclass(frozen=True, slots=True)
class Settlement:
    """One closed statement."""

    settlement_no: int
    month: Month
    revision: int
    definition_version: int
    time_zone: str
    settled_at: datetime
    settled_by: str
    approval_id: str
    statement: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A statement with its lines; `is_repeated` when it had been closed before."""

    settlement: Settlement
    lines: list[SettledRate]
    is_repeated: bool


def compared(
    tallies: Mapping[str, Tally], before: Sequence[SettledRate] | None
) -> tuple[list[SettledRate], bool]:
    """A line for each rep of either, and whether nothing differs from what was settled before."""
    if before is None:
        return [_line(rep_id, tally) for rep_id, tally in sorted(tallies.items())], False
    settled = {line.rep_id: line for line in before}
    lines = [
        _beside(_line(rep_id, tallies.get(rep_id, _NOTHING)), settled.get(rep_id))
        for rep_id in sorted({*tallies, *settled})
    ]
    return lines, [line.figures for line in lines] == [line.figures for line in before]


_NOTHING = Tally()


def _line(rep_id: str, tally: Tally) -> SettledRate:
    return SettledRate(rep_id, tally.given, tally.excluded, tally.due_72h, tally.within_72h)


def _beside(line: SettledRate, last: SettledRate | None) -> SettledRate:
    if last is None:
        return line._replace(due_difference=line.due, within_72h_difference=line.within_72h)
    return line._replace(
        due_difference=line.due - last.due,
        within_72h_difference=line.within_72h - last.within_72h,
    )
