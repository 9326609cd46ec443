"""How much may leave the system: rows per person and day, rows per day, and how much of one's own book (DX-09, PM-11).

Days are those of the calendar in China; times are Unix seconds.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from accesskit.policy import ExportLimits
from servicekit.errors import TooMany

from permissions.domain.leases import CLAIM_ZONE


class BudgetUsedUp(TooMany):
    """Not so many rows are left today; `budget` is the name of the policy's limit."""

    def __init__(self, budget: str, *, left: int, limit: int, now_s: float) -> None:
        super().__init__(
            f"{budget}: {left} of {limit} rows are left today; filter to as many, or continue tomorrow",
            retry_after_s=seconds_to_next_day(now_s),
        )
        self.budget = budget
        self.left = left


@dataclass(frozen=True, slots=True)
class Spent:
    """Rows counted today: of one person, and of everybody."""

    of_subject: int
    of_all: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What somebody copied lately: resources of their own, of a book of so many, and of how many owners in all."""

    own: int
    book: int
    owners: int


def export_day(now_s: float) -> date:
    """The calendar day to which rows count."""
    return datetime.fromtimestamp(now_s, CLAIM_ZONE).date()


def day_begins_s(now_s: float) -> float:
    """When that day began."""
    now = datetime.fromtimestamp(now_s, CLAIM_ZONE)
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def seconds_to_next_day(now_s: float) -> float:
    """How long the budgets of today stay used up."""
    now = datetime.fromtimestamp(now_s, UTC).astimezone(CLAIM_ZONE)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, (tomorrow - now).total_seconds())


def rows_left(spent: Spent, limits: ExportLimits) -> tuple[int, str, int]:
    """Rows left today, and the name and number of the limit that leaves so few."""
    of_subject = max(0, limits.rows_per_user_day - spent.of_subject)
    of_all = max(0, limits.rows_per_day - spent.of_all)
    if of_all < of_subject:
        return of_all, "rows_per_day", limits.rows_per_day
    return of_subject, "rows_per_user_day", limits.rows_per_user_day


def check_budget(rows: int, spent: Spent, limits: ExportLimits, *, now_s: float) -> None:
    """Raises `BudgetUsedUp` unless so many rows are left today."""
    left, budget, limit = rows_left(spent, limits)
    if rows > left:
        raise BudgetUsedUp(budget, left=left, limit=limit, now_s=now_s)


def own_rows_left(copied: Copied, limits: ExportLimits) -> int:
    """How many of one's own resources can still be copied without an approval."""
    return max(0, math.floor(limits.book_copy_ratio * copied.book) - copied.own)


def copying_reason(copied: Copied, limits: ExportLimits) -> str:
    """The code of why somebody copied too much to go on without an approval; empty when they did not."""
    if copied.own > limits.book_copy_ratio * copied.book:
        return "book_copied"
    return "too_many_owners" if copied.owners > limits.distinct_owners_max else ""
