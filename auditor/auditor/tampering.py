"""Naming what was done where the chain first breaks, from the entries that follow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from auditor.dump import all_entries
from auditor.findings import Finding, Kind

if TYPE_CHECKING:
    from auditor.dump import Dump, Entry


@dataclass(frozen=True, slots=True)
class Row:
    """An entry from the break on: the number of its row, and the number that its bytes state, 0 for none."""

    seq: int
    stated: int
    follows: bytes
    """The hash that it would have directly after the entry that comes two before the break."""
    hash: bytes


def named(dump: Dump, misfit: int) -> Finding:
    """The finding for a chain that holds up to, not including, the `misfit`-th entry of the dump."""
    before, rows = b"", []
    for position, entry in enumerate(all_entries(dump), start=1):
        if position == misfit - 2:
            before = entry.hash
        if position >= misfit:
            rows.append(_row(entry, before if misfit > 2 else bytes(32)))
    if not rows:
        return Finding(misfit, Kind.TRUNCATED, "log")
    seq, kind = _kind(rows, misfit)
    return Finding(seq, kind, "log")


def _kind(rows: list[Row], expected: int) -> tuple[int, Kind]:
    first = rows[0]
    if first.seq < expected:
        return _repeated(first, expected)
    if first.stated == expected - 1:
        return expected - 1, Kind.INSERTED
    if first.seq > expected:
        is_later = any(expected in (row.seq, row.stated) for row in rows[1:])
        return expected, Kind.REORDERED if is_later else Kind.DELETED
    if first.stated != expected:
        return expected, _displaced(rows, expected)
    return expected, _altered(rows[1] if len(rows) > 1 else None, expected)


def _altered(following: Row | None, expected: int) -> Kind:
    """A row with the right number, twice, whose bytes or hash are not the right ones."""
    if following is not None and following.seq == expected:
        return Kind.FORKED
    if following is not None and following.stated == expected:
        return Kind.INSERTED
    return Kind.MODIFIED


def _repeated(first: Row, expected: int) -> tuple[int, Kind]:
    """A row with a number that has been: an alternative to the last one, or a copy of an earlier one."""
    if first.seq == expected - 1:
        is_alternative = first.follows == first.hash
        return expected - 1, Kind.FORKED if is_alternative else Kind.INSERTED
    return expected, Kind.INSERTED


def _displaced(rows: list[Row], expected: int) -> Kind:
    """A row with the right number whose bytes state another."""
    first = rows[0]
    place = first.stated - expected
    is_elsewhere = any(row.stated == expected for row in rows[1:])
    if is_elsewhere:
        has_left = 0 < place < len(rows) and rows[place].stated != first.stated
        return Kind.REORDERED if has_left else Kind.INSERTED
    goes_on = len(rows) < 2 or rows[1].stated == first.stated + 1
    return Kind.DELETED if place > 0 and goes_on else Kind.MODIFIED


def _row(entry: Entry, before: bytes) -> Row:
    follows = sha256(before + entry.fact).digest()
    return Row(entry.seq, _stated_seq(entry), follows, entry.hash)


def _stated_seq(entry: Entry) -> int:
    try:
        stated = json.loads(entry.fact)["seq"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return stated if isinstance(stated, int) else 0
