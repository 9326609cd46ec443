"""What one row of a file says: a finding, and the key by which the same lead is known when it is stated again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lead_intake.domain.leads import Finding, Quarantined, QuarantineReason, Understood
from lead_intake.importing.text_tables import UNREADABLE
from lead_intake.reading import read_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead_intake.domain.leads import Contact
    from lead_intake.importing.columns import Columns
    from lead_intake.reading import Lexicons
    from lead_intake.seals import Seals

ROW_CHARS_MAX = 64 * 1024
KEY_CHARS_MAX = 128
FROM_IMPORT = "from_import"
_CONTACT_PARTS = {"phone": "phone_e164"}


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row as read. `number` counts the rows of the file from 1, the header included."""

    number: int
    cells: tuple[str, ...]
    finding: Finding
    key: str

    def __repr__(self) -> str:
        return f"ReadRow({self.number})"


def read_row(
    number: int, cells: Sequence[str], columns: Columns, *, lexicons: Lexicons, seals: Seals
) -> ReadRow:
    """Reads one row. The key is a sender's own id, or else a keyed digest of what the template counts as the same."""
    problem = _problem(cells, columns)
    row = fitted(cells, columns.width)
    if problem is not None:
        return ReadRow(number, row, problem, _digest("row", row, seals))
    finding = read_values(columns.rules, row, lexicons)
    own_id = _own_id(row, columns)
    if isinstance(finding, Understood):
        inquiry = replace(finding.inquiry, flags=(*finding.inquiry.flags, FROM_IMPORT))
        key = own_id or _key(row, inquiry.contact, columns, seals)
        return ReadRow(number, row, Understood(inquiry, own_id or None), key)
    return ReadRow(number, row, finding, own_id or _digest("row", row, seals))


def fitted(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """A row as wide as the header."""
    if len(cells) == width:
        return tuple(cells)
    return (*cells[:width], *("",) * (width - len(cells)))


def _problem(cells: Sequence[str], columns: Columns) -> Quarantined | None:
    text = "".join(cells)
    if UNREADABLE in text or "\x00" in text:
        return Quarantined(QuarantineReason.UNDECODABLE, "row")
    if len(text) > ROW_CHARS_MAX:
        return Quarantined(QuarantineReason.UNDECODABLE, "row too long")
    if len(cells) > columns.width and any(cells[columns.width :]):
        return Quarantined(QuarantineReason.SCHEMA_DRIFT, "cells beyond the header")
    return None


def _own_id(row: Sequence[str], columns: Columns) -> str:
    place = columns.cells.get("external_id")
    if place is None:
        return ""
    written = row[place].strip()
    return written if len(written) <= KEY_CHARS_MAX and written.isprintable() else ""


def _key(row: Sequence[str], contact: Contact, columns: Columns, seals: Seals) -> str:
    for parts in columns.template.key:
        values = [_part(part, row, contact, columns) for part in parts]
        if all(values):
            return _digest("+".join(parts), values, seals)
    return _digest("row", row, seals)


def _part(part: str, row: Sequence[str], contact: Contact, columns: Columns) -> str:
    value: str | None = getattr(contact, _CONTACT_PARTS.get(part, part), None)
    if value is not None:
        return value
    place = columns.cells.get(part)
    return "" if place is None else row[place].strip()


def _digest(kind: str, values: Sequence[str], seals: Seals) -> str:
    """A key that says nothing: the same values of the same kind give the same one, to us only."""
    return f"{kind[:20]}:{seals.bodies.of(chr(31).join(('import', kind, *values))).hex()}"
