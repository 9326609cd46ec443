"""Which systems have to be told what stands, and where systems differ (ID-10, ID-11, ID-12).

What stands is the golden record's: time is the only judge there, and the order of systems decides between equal times.
A system that says something else is told, if the field may be written to it; a system that says nothing of a field is
told too, so that a customer is the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.survivorship import Comparison, same_form

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

COMPARED_FIELDS = (
    "name", "phone", "email", "company", "uscc", "address", "province", "city", "credit_limit", "service_risk",
    "credit_grade",
)  # fmt: skip
"""What the nightly comparison looks at; a system that does not state one of them does not differ in it (ID-10)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says now."""

    source_id: int
    system: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Survivor:
    """The value of a field that stands, and the system it came from; none for a steward's."""

    value: str
    system: str


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


def corrections(
    said: Iterable[Said],
    standing: Mapping[str, Survivor],
    writable: Mapping[str, frozenset[str]],
) -> Sequence[Correction]:
    """What sources have to be told, so that they say what stands; `writable` are the fields that may be, by system."""
    found = []
    for each in said:
        wrong = sorted(
            name
            for name in writable.get(each.system, ())
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
    if value is None or value == other:
        return value is not None
    return comparable(field, value) == comparable(field, other)


def comparable(field: str, value: str) -> str:
    """A value without differences of spelling: width, case and blanks, and of phones all but their digits."""
    comparison = Comparison.PHONE if field == "phone" else Comparison.TEXT
    return same_form(value, comparison).replace(" ", "")
