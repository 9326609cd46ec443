"""Dates in workbooks: numbers that a cell's format shows as a day. The formats are the spreadsheet library's."""

from __future__ import annotations

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

_EAST_ASIAN_DATES = frozenset((*range(27, 37), *range(50, 59)))
"""Built-in formats of Chinese, Japanese and Korean spreadsheets that the library does not list."""


def is_date(format_id: int, own_formats: dict[int, str]) -> bool:
    """Whether a number format shows a date; `own_formats` are the workbook's."""
    if format_id in own_formats:
        return bool(is_date_format(own_formats[format_id]))
    if format_id in _EAST_ASIAN_DATES:
        return True
    return bool(is_date_format(BUILTIN_FORMATS.get(format_id)))


def written_date(number: str, *, counts_from_1904: bool) -> str:
    """A day, or a day and time, in ISO 8601; the number itself where it is none."""
    epoch = CALENDAR_MAC_1904 if counts_from_1904 else CALENDAR_WINDOWS_1900
    try:
        moment = from_excel(float(number), epoch)
    except (ValueError, OverflowError, TypeError):
        return number[:40]
    text: str = moment.isoformat() if hasattr(moment, "isoformat") else number[:40]
    return text.removesuffix("T00:00:00")
