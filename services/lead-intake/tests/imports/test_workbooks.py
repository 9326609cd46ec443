"""Workbooks say the same whether their XML is plain or not, and in whatever pieces it comes."""

from __future__ import annotations

from typing import Any

import pytest
from lead_intake.importing.shared_strings import SharedStrings
from lead_intake.importing.sheets import SharedStringsReader, SheetReader

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TEXTS = ("姓名", "手机", "赵示例", "a < b & c", " 空格 ")
SHARED = (
    f'<?xml version="1.0" encoding="UTF-8"?><sst xmlns="{MAIN}">'
    "<si><t>姓名</t></si><si><t>手机</t></si><si><r><t>赵</t></r><r><t>示例</t></r></si>"
    '<si><t>a &lt; b &amp; c</t></si><si><t xml:space="preserve"> 空格 </t></si></sst>'
)
ROWS = (
    '<row r="1" spans="1:2"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1.3800138001E10</v></c></row>'
    '<row r="4"><c r="C4" s="1"><v>46047.5</v></c></row>'
    '<row r="5"><c r="A5" t="str"><f>1+1</f><v>2</v></c><c r="B5" t="b"><v>1</v></c></row>'
    '<row r="6"><c r="A6" t="s"><v>3</v></c><c r="B6" t="e"><v>#REF!</v></c></row>'
    '<row r="7"/><row r="8"><c r="A8" t="s"><v>4</v></c><c r="ZZZ8"><v>1</v></c></row>'
    '<row r="9"><c r="A9" t="inlineStr"><is><t>文</t></is></c><c r="B9" s="2"/></row>'
    '<row r="10"><c r="B10" t="inlineStr"><is><t>a &amp; b</t></is></c></row>'
    '<row><c t="inlineStr"><is><t>内</t></is></c><c><v>7</v></c></row>'
)
EXPECTED = [
    ["姓名", "手机"],
    ["赵示例", "13800138001"],
    [],
    ["", "", "2026-01-25T12:00:00"],
    ["2", "true"],
    ["a < b & c", ""],
    [],
    ["\ufffd"],
    ["文"],
    ["", "a & b"],
    ["内", "7"],
]


def rows_of(shared: str, sheet: str, size: int) -> list[list[str]]:
    strings = SharedStrings()
    texts = SharedStringsReader(strings)
    reader = SheetReader(strings, [1], counts_from_1904=False)
    for part, read in ((shared.encode(), texts), (sheet.encode(), reader)):
        found: Any = read
        for start in range(0, len(part), size):
            found.read(part[start : start + size])
        found.end()
    return reader.rows()


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize("prolog", ["", '<?xml version="1.0"?>', "<!-- a comment -->"])
def test_rows_are_read_as_shown_in_pieces_of_any_size(size: int, prolog: str) -> None:
    sheet = f'{prolog}<worksheet xmlns="{MAIN}"><sheetData>{ROWS}</sheetData></worksheet>'

    rows = rows_of(SHARED, sheet, size)

    assert rows == EXPECTED


def test_a_sheet_with_prefixes_is_read_too() -> None:
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{ROWS}</x:sheetData></x:worksheet>'
    sheet = sheet.replace("<row", "<x:row").replace("</row", "</x:row")
    for name in ("c", "v", "f", "is", "t"):
        sheet = sheet.replace(f"<{name} ", f"<x:{name} ").replace(f"<{name}>", f"<x:{name}>")
        sheet = sheet.replace(f"</{name}>", f"</x:{name}>")

    assert rows_of(SHARED, sheet, 50) == EXPECTED
