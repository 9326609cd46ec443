"""Reads tables of reps (AS-07): the header names attributes in Chinese or English, each row one rep."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import typer
from leadchain.assignment.v1 import assignment_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENCODINGS = ("utf-8-sig", "gb18030")
REP_ID = "rep_id"
COLUMNS: Mapping[str, str] = {
    "rep_id": REP_ID, "rep": REP_ID, "工号": REP_ID, "销售": REP_ID, "销售工号": REP_ID,
    "manager_id": "manager_id", "manager": "manager_id", "经理": "manager_id", "主管": "manager_id",
    "provinces": "provinces", "province": "provinces", "省份": "provinces", "所属省份": "provinces",
    "cities": "cities", "city": "cities", "城市": "cities", "所属城市": "cities",
    "industries": "industries", "industry": "industries", "行业": "industries", "负责行业": "industries",
    "skills": "skills", "技能": "skills",
    "capacity": "capacity", "容量": "capacity", "最大线索数": "capacity",
    "weight": "weight", "权重": "weight",
    "active": "active", "在职": "active", "接单": "active",
    "calendar": "calendar", "日历": "calendar", "班表": "calendar",
    "shifts": "shifts", "班次": "shifts",
}  # fmt: skip
"""What a column may be called."""

_LISTS = frozenset({"provinces", "cities", "industries", "skills"})
_NUMBERS = frozenset({"capacity", "weight"})
_YES = frozenset({"yes", "true", "1", "是", "y"})
_NO = frozenset({"no", "false", "0", "否", "n"})
_BETWEEN_NAMES = re.compile("[\\s,;、\N{FULLWIDTH COMMA}\N{FULLWIDTH SEMICOLON}]+")
_BETWEEN_SHIFTS = re.compile("[;\N{FULLWIDTH SEMICOLON}]")
_SHIFT = re.compile(r"([1-7](?:[-,][1-7])*)\s+(\d{1,2}:\d{2})-(\d{1,2}:\d{2})")


def load_table(file: Path) -> tuple[list[str], list[pb.Rep]]:
    """The columns of a CSV file but the id, and a rep for each row; `typer.BadParameter` names the line of a fault."""
    rows = csv.reader(io.StringIO(_text(file)))
    header = next(rows, [])
    columns = [COLUMNS.get(name.strip().lower()) for name in header]
    unknown = [name for name, column in zip(header, columns, strict=True) if column is None]
    if unknown or REP_ID not in columns or len(set(columns)) < len(columns):
        reason = (
            f"unknown column {unknown[0]!r}" if unknown else "one column must be rep_id, none twice"
        )
        raise typer.BadParameter(f"{file}:1: {reason}")
    named = [column for column in columns if column]
    reps = [_rep(file, rows.line_num, named, row) for row in rows if any(map(str.strip, row))]
    return [column for column in named if column != REP_ID], reps


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise typer.BadParameter(f"{file} is neither UTF-8 nor GB 18030")


def _rep(file: Path, line: int, columns: list[str], row: list[str]) -> pb.Rep:
    """One row; a cell that is missing is empty."""
    rep = pb.Rep(active=True)
    for column, cell in zip(columns, row + [""] * (len(columns) - len(row)), strict=False):
        try:
            _set(rep, column, cell.strip())
        except ValueError:
            raise typer.BadParameter(f"{file}:{line}: {cell!r} is no {column}") from None
    if not rep.rep_id or len(row) > len(columns):
        raise typer.BadParameter(f"{file}:{line}: the id is missing, or there are too many cells")
    return rep


def _set(rep: pb.Rep, column: str, text: str) -> None:
    """Sets one attribute; raises `ValueError`, also where nothing says whether somebody is active."""
    if not text and column != "active":
        return
    if column in _LISTS:
        getattr(rep, column).extend(name for name in _BETWEEN_NAMES.split(text) if name)
    elif column in _NUMBERS:
        setattr(rep, column, int(text))
    elif column == "active":
        if text.lower() not in _YES | _NO:
            raise ValueError(text)
        rep.active = text.lower() in _YES
    elif column == "shifts":
        rep.shifts.extend(
            _shift(part.strip()) for part in _BETWEEN_SHIFTS.split(text) if part.strip()
        )
    else:
        setattr(rep, column, text)


def _shift(text: str) -> pb.Shift:
    """A shift such as `1-5 09:00-18:00`; raises `ValueError`."""
    found = _SHIFT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days: list[int] = []
    for part in found[1].split(","):
        first, _, last = part.partition("-")
        days += range(int(first), int(last or first) + 1)
    return pb.Shift(weekdays=days, start=found[2].rjust(5, "0"), end=found[3].rjust(5, "0"))
