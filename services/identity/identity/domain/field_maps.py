"""What a system's fields are called in our terms, and what their values must look like (ID-05, ID-15).

A value that is not what its field wants, such as text where a date belongs, costs that field and no more: the row goes
on without it and the failure is told by name, never with the value.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VALUE_CHARS_MAX = 2_000
FIELDS_MAX = 500
"""A row with more fields than this is no row of a customer."""

JOINED = frozenset({"other_phones"})
"""Canonical fields of several values, separated by a comma; several source fields may fill one."""

MAIN_ENTITY = "customer"
"""The entity whose key stands alone; keys of others begin with their entity."""


class FieldKind(StrEnum):
    """What values of a source field must be."""

    TEXT = "text"
    AMOUNT = "amount"
    INTEGER = "integer"
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where one source field goes; `table` translates its words, in which `otherwise` stands for all others."""

    to: str
    kind: FieldKind = FieldKind.TEXT
    table: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | None = None

    @property
    def is_reversible(self) -> bool:
        """Whether a canonical value has exactly one spelling in the system."""
        return len(set(self.table.values())) == len(self.table) and self.otherwise is None


@dataclass(frozen=True, slots=True)
class EntityMap:
    """The fields of one kind of row, in the order in which they are tried; `ignored` are known and not wanted.

    `version_field` and `actor_field` hold the row's version and who changed it last.
    """

    fields: Mapping[str, FieldRule]
    ignored: frozenset[str] = frozenset()
    version_field: str = ""
    actor_field: str = ""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """One system's map; `entities` by name."""

    system: str
    version: int
    entities: Mapping[str, EntityMap]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field of a row that could not be read, or with an empty name the whole row; never with its value."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row in our terms; `unknown` are fields that the map does not name, `version` and `actor` the row's own."""

    fields: Mapping[str, str]
    misfits: tuple[Misfit, ...] = ()
    unknown: tuple[str, ...] = ()
    version: str = ""
    actor: str = ""


@dataclass(slots=True)
class _Reading:
    fields: dict[str, str] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_row(entity: EntityMap, row: Mapping[str, Any]) -> Mapped:
    """The row in canonical names. Empty values say nothing; the first source field with a value wins."""
    if len(row) > FIELDS_MAX:
        return Mapped({}, (Misfit("", "too_many_fields"),))
    reading = _Reading()
    for name, rule in entity.fields.items():
        if name in row:
            _read_field(reading, name, rule, row[name])
    known = {*entity.fields, *entity.ignored, entity.version_field, entity.actor_field}
    reading.unknown = sorted(row.keys() - known)
    return Mapped(
        reading.fields,
        tuple(reading.misfits),
        tuple(reading.unknown),
        _short(row.get(entity.version_field)),
        _short(row.get(entity.actor_field)),
    )


def written_row(entity: EntityMap, fields: Mapping[str, str]) -> dict[str, str]:
    """Canonical fields under the system's own names and words; those that it has no word for are left out."""
    row: dict[str, str] = {}
    taken: set[str] = set()
    for name, rule in entity.fields.items():
        if rule.to not in fields or rule.to in taken or not rule.is_reversible:
            continue
        value = _reversed(rule, fields[rule.to])
        if value is not None:
            row[name] = value
            taken.add(rule.to)
    return row


def writable_fields(entity: EntityMap, whitelist: frozenset[str]) -> frozenset[str]:
    """The canonical fields of a whitelist that the map can put into the system's terms."""
    return whitelist & {rule.to for rule in entity.fields.values() if rule.is_reversible}


def source_key(entity: str, record_key: str) -> str:
    """The key of a row in the crosswalk; rows of other kinds than customers carry their kind."""
    return record_key if entity == MAIN_ENTITY else f"{entity}/{record_key}"


def problems_of(field_map: FieldMap) -> Sequence[str]:
    """What is wrong with a map beyond its schema, as sentences; none when it can be used."""
    found = []
    for entity_name, entity in field_map.entities.items():
        both = entity.fields.keys() & entity.ignored
        found += [f"{entity_name}.{name} is both mapped and ignored" for name in sorted(both)]
        for name, rule in entity.fields.items():
            if rule.table and rule.kind is not FieldKind.TEXT:
                found.append(f"{entity_name}.{name} has a table and is not text")
            if rule.otherwise is not None and not rule.table:
                found.append(f"{entity_name}.{name} says otherwise without a table")
    return found


def _short(raw: object) -> str:
    """A short plain word; empty for anything else."""
    return str(raw)[:100] if isinstance(raw, str | int) else ""


def _read_field(reading: _Reading, name: str, rule: FieldRule, raw: object) -> None:
    try:
        value = _read_value(rule, raw)
    except _MisfitError as misfit:
        reading.misfits.append(Misfit(name, misfit.reason))
        return
    if not value:
        return
    known = reading.fields.get(rule.to)
    if known is None:
        reading.fields[rule.to] = value
    elif rule.to in JOINED and value not in known.split(","):
        reading.fields[rule.to] = f"{known},{value}"


class _MisfitError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _read_value(rule: FieldRule, raw: object) -> str:
    text = _plain(raw)
    if not text:
        return ""
    if rule.table:
        found = rule.table.get(text, rule.otherwise)
        if found is None:
            raise _MisfitError("not_in_table")
        return found
    return _READERS[rule.kind](text)


def _plain(raw: object) -> str:
    """A plain value as clean text; raises for a nested or an absurdly long one."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and not math.isfinite(raw):
        raise _MisfitError("not_a_number")
    if not isinstance(raw, str | int | float | Decimal):
        raise _MisfitError("not_plain")
    text = unicodedata.normalize("NFKC", str(raw)).strip()
    if len(text) > VALUE_CHARS_MAX:
        raise _MisfitError("too_long")
    return "".join(each for each in text if unicodedata.category(each) not in {"Cc", "Cf"})


def _amount(text: str) -> str:
    """A decimal number without separators, without needless zeros."""
    try:
        number = Decimal(re.sub(r"[,\s¥￥]", "", text))
    except InvalidOperation:
        raise _MisfitError("not_a_number") from None
    if not number.is_finite() or abs(number.adjusted()) > 18:
        raise _MisfitError("not_a_number")
    shown = f"{number:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _integer(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise _MisfitError("not_an_integer")
    return str(int(text))


_DATE = re.compile(
    r"([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))(?:[T ].*)?"
)


def _date(text: str) -> str:
    """ISO 8601; the time of day is dropped."""
    matched = _DATE.fullmatch(text)
    if matched is None:
        raise _MisfitError("not_a_date")
    year, *rest = (int(part) for part in matched.groups() if part is not None)
    try:
        return date(year, *rest).isoformat()
    except ValueError:
        raise _MisfitError("not_a_date") from None


_FLAGS = {
    "true": "true", "1": "true", "yes": "true", "y": "true", "是": "true",
    "false": "false", "0": "false", "no": "false", "n": "false", "否": "false",
}  # fmt: skip


def _flag(text: str) -> str:
    found = _FLAGS.get(text.lower())
    if found is None:
        raise _MisfitError("not_a_flag")
    return found


def _reversed(rule: FieldRule, value: str) -> str | None:
    if not rule.table:
        return value
    return next((word for word, canonical in rule.table.items() if canonical == value), None)


_READERS: Mapping[FieldKind, Callable[[str], str]] = {
    FieldKind.TEXT: str,
    FieldKind.AMOUNT: _amount,
    FieldKind.INTEGER: _integer,
    FieldKind.DATE: _date,
    FieldKind.FLAG: _flag,
}
