"""Every figure with its denominator, and tables read within bounds."""

from __future__ import annotations

import pytest
from matchkit.evaluation import Ratio, evaluate, order_sensitivity
from matchkit.tables import ColumnMap, TableInvalid, TruthColumn, read_rows, read_truth

TRUTH = {0: "a", 1: "a", 2: "a", 3: "b", 4: "b", 5: "c"}


def test_a_perfect_partition_scores_one_everywhere():
    report = evaluate(TRUTH, [{0, 1, 2}, {3, 4}, {5}])

    assert report.pairs.f1 == report.customers.f1 == 1.0
    assert report.duplicates_before == Ratio(3, 6)
    assert report.duplicates_after == Ratio(0, 3)
    assert report.over_merged == Ratio(0, 6)


def test_pairs_customers_and_strangers_are_counted():
    report = evaluate(TRUTH, [{0, 1}, {2, 3, 4}, {5}])

    assert (report.pairs.precision, report.pairs.recall) == (Ratio(2, 4), Ratio(2, 4))
    assert (report.customers.precision, report.customers.recall) == (Ratio(1, 3), Ratio(1, 3))
    assert report.over_merged == Ratio(1, 6)
    assert report.duplicates_after == Ratio(0, 3)


def test_a_customer_in_pieces_is_a_duplicate_left():
    report = evaluate(TRUTH, [{0}, {1, 2}, {3, 4}])

    assert report.duplicates_after == Ratio(1, 4)
    assert report.found_customers == 4


def test_another_order_is_compared_record_by_record():
    first = [{0, 1}, {2}]

    same = order_sensitivity([first, [{2}, {1, 0}]])
    other = order_sensitivity([first, [{0}, {1}, {2}], first])

    assert (same.shuffles, same.differing, same.records) == (1, 0, 0)
    assert (other.shuffles, other.differing, other.records) == (2, 1, 2)


def table(tmp_path, text):
    file = tmp_path / "table.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


COLUMNS = ColumnMap(
    columns={"Name": "name", "Tel": "phone"}, id="Id", truth=TruthColumn("Id", r"^(\d+)-")
)


def test_rows_are_read_by_a_map(tmp_path):
    file = table(tmp_path, "\ufeffId, Name, Tel, Other\n7-a, Anna ,1|2,x\n\n8-b,,3,x\n")

    rows = list(read_rows(file, COLUMNS))

    assert [(row.id, row.truth, row.fields) for row in rows] == [
        ("7-a", "7", {"name": "Anna", "phone": ["1", "2"]}),
        ("8-b", "8", {"phone": "3"}),
    ]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("Id,Name\n1-a,x\n", 1),
        ("Id,Name,Tel\n1-a,x,1\n2-b,y\n", 3),
        ("Id,Name,Tel\nnobody,x,1\n", 2),
        (b"Id,Name,Tel\n1-a,\xff\xfe,1\n", 1),
        ("Id,Name,Tel\n1-a,a,1\n1-b,b,1\n1-c,c,1\n1-d,d,1\n", 5),
        ("", 1),
        (",".join(f"c{n}" for n in range(501)), 1),
    ],
    ids=["column", "cells", "truth", "encoding", "too many", "empty", "too wide"],
)
def test_a_table_that_does_not_fit_is_refused_with_its_row(tmp_path, text, row):
    with pytest.raises(TableInvalid) as refused:
        list(read_rows(table(tmp_path, text), COLUMNS, rows_max=3))

    assert refused.value.row == row


def test_the_truth_may_stand_in_a_file_of_its_own(tmp_path):
    assert read_truth(table(tmp_path, "id,customer\n1-a,7\n2-b,8\n")) == {"1-a": "7", "2-b": "8"}
    with pytest.raises(TableInvalid):
        read_truth(table(tmp_path, "id,customer\n1-a\n"))


@pytest.mark.parametrize("text", ["columns: 3", "{columns: {}, surprise: 1}", "columns: ["])
def test_a_map_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(TableInvalid):
        ColumnMap.load(table(tmp_path, text))
