"""Text tables read in pieces say what the whole file says."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_intake.importing.error_files import COMPUTES, error_lines, harmless
from lead_intake.importing.sheets import written_number
from lead_intake.importing.templates import load_templates, tidied
from lead_intake.importing.text_tables import TextTable, encoding_of

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\ufeff"), max_size=12)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=12)


def read_in_pieces(content: bytes, size: int) -> list[list[str]]:
    table = TextTable()
    rows: list[list[str]] = []
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    for number, piece in enumerate(pieces, start=1):
        rows += table.feed(piece, is_last=number == len(pieces))
    return rows


@settings(max_examples=150, deadline=None)
@given(TABLES, st.integers(min_value=64, max_value=4096))
def test_a_table_is_read_alike_in_pieces_of_any_size(table: list[list[str]], size: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([["一", "二", "三"], *table])
    content = text.getvalue().encode("utf-8-sig")

    rows = read_in_pieces(content, size)

    assert rows == [["一", "二", "三"], *table]


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.integers(min_value=1, max_value=700))
def test_any_bytes_are_rows_or_a_refused_file(content: bytes, size: int) -> None:
    from lead_intake.domain.imports import RefusedFile

    try:
        rows = read_in_pieces(content, size)
    except RefusedFile:
        return
    assert all(isinstance(cell, str) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("sample", "encoding"),
    [
        ("姓名,手机\n".encode(), "utf-8"),
        ("姓名,手机\n赵示例,1\n".encode("gb18030"), "gb18030"),
        ("联通\n".encode("gb18030"), "gb18030"),
        ("姓名\n".encode("utf-8-sig"), "utf-8-sig"),
        ("姓名\n".encode("utf-16"), "utf-16"),
        ("姓名\n".encode() * 20 + b"\xff\xfe\n", "utf-8"),
    ],
    ids=["utf-8", "gb18030", "the famous word", "marked", "utf-16", "one bad line"],
)
def test_the_encoding_that_reads_more_is_chosen(sample: bytes, encoding: str) -> None:
    assert encoding_of(sample) == encoding


@given(st.text(max_size=30))
def test_no_cell_of_an_error_file_begins_with_what_computes(cell: str) -> None:
    assert not harmless(cell).startswith(COMPUTES)


def test_an_error_file_is_read_by_spreadsheets() -> None:
    content = error_lines([("row", "姓名"), ("2", '赵"示例"')], has_mark=True)

    assert content == '\ufeffrow,姓名\r\n2,"赵""示例"""\r\n'.encode()


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("13800138001", "13800138001"),
        ("1.3800138001E10", "13800138001"),
        ("1.5", "1.5"),
        ("x", "x"),
        ("1e400", "1e400"),
    ],
    ids=["digits", "scientific", "fraction", "no number", "too large"],
)
def test_numbers_of_sheets_are_written_as_people_do(stored: str, written: str) -> None:
    assert written_number(stored) == written


def test_every_shipped_template_loads_and_knows_its_own_headers() -> None:
    templates = load_templates()

    assert list(templates) == ["generic_leads", "generic_customers", "xiaohongshu_leads"]
    for template in templates.values():
        assert template.known_headers(list(template.names)) == len(template.via)
    assert tidied(" 手机号（必填）* ") == tidied("手机号")
