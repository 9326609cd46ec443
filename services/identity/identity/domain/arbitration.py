"""Which system's value stands, and which systems have to be told (ID-11, ID-12).

Time is the only judge: the value that was modified last stands, whoever holds it; the order of systems decides between
equal times only. A field's time is when a source began to say its value, not when the source's row was last touched:
a row that changes its address does not thereby say anew what it always said about the phone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from identity.domain.systems import Systems

CLOCK_AHEAD_MAX = timedelta(minutes=5)
"""A source's clock that is further ahead than this counts as ours, lest it win for ever."""

COMPARED_FIELDS = (
    "name", "phone", "email", "company", "uscc", "address", "province", "city", "credit_limit", "service_risk",
    "credit_grade",
)  # fmt: skip
"""What the nightly comparison looks at; a system that does not state one of them does not differ in it (ID-10)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says now; `since` tells of each field when the source began to say its value."""

    source_id: int
    system: str
    fields: Mapping[str, str]
    since: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Survivor:
    """The value of a field that stands, and where it came from; no system for a steward's."""

    value: str
    system: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """What one source has to be told: values by canonical field, and by field the system whose value it is."""

    source_id: int
    system: str
    fields: Mapping[str, str]
    winners: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which the sources of a customer differ; `parties` counts the values, one number for equal ones.

    `standing` is the party whose value stands, 0 when none of them holds it.
    """

    field: str
    source_ids: tuple[int, ...]
    systems: tuple[str, ...]
    parties: tuple[int, ...]
    standing: int


def since_when(
    chain: Sequence[tuple[Mapping[str, str], datetime]],
) -> Mapping[str, datetime]:
    """When a source began to say each of its present values; `chain` is what it said, oldest first."""
    since: dict[str, datetime] = {}
    before: Mapping[str, str] = {}
    for fields, at in chain:
        since = {
            name: since[name] if before.get(name) == value else at for name, value in fields.items()
        }
        before = fields
    return since


def survivors(said: Iterable[Said], systems: Systems, *, now: datetime) -> Mapping[str, Survivor]:
    """The value of every field that stands: the newest, of equal times the one of the foremost system."""
    latest = now + CLOCK_AHEAD_MAX
    best: dict[str, tuple[tuple[float, int, str], Survivor]] = {}
    for each in said:
        for name, value in each.fields.items():
            at = each.since[name] if each.since[name] <= latest else now
            order = (-at.timestamp(), systems.rank(each.system), value)
            if name not in best or order < best[name][0]:
                best[name] = order, Survivor(value, each.system, at)
    return {name: survivor for name, (_, survivor) in best.items()}


def corrections(
    said: Iterable[Said], standing: Mapping[str, Survivor], systems: Systems
) -> Sequence[Correction]:
    """What sources of systems that are written back to have to be told, so that they say what stands."""
    found = []
    for each in said:
        wrong = sorted(
            name
            for name in systems.writable(each.system)
            if name in standing and not is_same(name, each.fields.get(name), standing[name].value)
        )
        if wrong:
            found.append(
                Correction(
                    each.source_id,
                    each.system,
                    {name: standing[name].value for name in wrong},
                    {name: standing[name].system for name in wrong},
                )
            )
    return found


def differences(said: Sequence[Said], standing: Mapping[str, Survivor]) -> Sequence[Difference]:
    """The fields in which sources of one customer differ, with who says what and without the values."""
    found = []
    for name in COMPARED_FIELDS:
        speakers = [each for each in said if each.fields.get(name)]
        values = [comparable(name, each.fields[name]) for each in speakers]
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values), start=1)}
        if len(numbers) > 1:
            stands = comparable(name, standing[name].value) if name in standing else ""
            found.append(
                Difference(
                    name,
                    tuple(each.source_id for each in speakers),
                    tuple(each.system for each in speakers),
                    tuple(numbers[value] for value in values),
                    numbers.get(stands, 0),
                )
            )
    return found


def is_echo(
    fields: Mapping[str, str],
    known: Mapping[str, str],
    is_ours: Callable[[str, str], bool],
    watched: Collection[str],
) -> bool:
    """Whether a row that comes in only repeats what we wrote to its system.

    `known` is what its source said last, `is_ours` whether we wrote a value to a field of it, `watched` the fields that
    the map reads.
    """
    changed = [name for name in watched if fields.get(name) != known.get(name)]
    return all(name in fields and is_ours(name, fields[name]) for name in changed)


def is_same(field: str, value: str | None, other: str) -> bool:
    """Whether two values of a field mean the same."""
    return value is not None and comparable(field, value) == comparable(field, other)


def comparable(field: str, value: str) -> str:
    """A value without differences of spelling: width, case and blanks, and of phones all but their digits."""
    text = "".join(unicodedata.normalize("NFKC", value).casefold().split())
    if field == "phone":
        digits = "".join(each for each in text if each.isdecimal())
        return digits[2:] if len(digits) == 13 and digits.startswith("861") else digits
    return text
