"""Periods as operators write them: a month, an age, or two moments."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

import typer

from leadctl.presentation import parsed_moment

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Period(NamedTuple):
    """Moments from `since` (None: the beginning) up to `until`."""

    since: datetime | None
    until: datetime

    def before(self) -> Period:
        """As long a time before; raises `typer.BadParameter` where this one has no beginning."""
        if self.since is None:
            raise typer.BadParameter("nothing lies before a period without a beginning")
        return Period(self.since - (self.until - self.since), self.since)


def parsed_period(text: str, *, now: datetime) -> Period:
    """`2026-02`, `30d` for the last 30 days, or `FROM/TO` of two moments; everything up to now when empty.

    Months are of this machine's zone. Raises `typer.BadParameter`.
    """
    month = _MONTH.fullmatch(text)
    if month is not None and month[1] != "0000":
        return _month(int(month[1]), int(month[2]))
    since, _, until = text.partition("/")
    end = parsed_moment(until, now=now) if until else now
    return Period(parsed_moment(since, now=now) if since else None, end)


def _month(year: int, number: int) -> Period:
    over = (year + number // 12, number % 12 + 1)
    since, until = (datetime(*each, 1).astimezone() for each in ((year, number), over))
    return Period(since, until)
