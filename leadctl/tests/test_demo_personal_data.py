"""The search for personal data finds every writing of it, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadctl.demo.deliveries import plan
from leadctl.demo.people import Person
from leadctl.demo.personal_data import Leak, Samples, leaks
from leadctl.demo.phone_spellings import SPELLINGS, masked

SOMEBODY = Person(
    name="赵嘉轩",
    phone="13800138001",
    company="示例精密机械装备有限公司",
    uscc="91440300MA5EXAMPLX",
    email="buyer000001@example.com",
    place=None,
    industry="机械装备",
)
SPAN = {
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "start_ns": 1795388400123456789,
    "name": "INSERT deliveries",
}


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_a_phone_is_found_in_every_spelling(number: int) -> None:
    written = SPELLINGS[number](SOMEBODY.phone)

    assert Samples([SOMEBODY]).found_in(f'{{"text": "call {written} now"}}') == {"phone"}


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("phone", "+8613800138001"),
        ("phone", "tel=138 0013 8001,"),
        ("name", '{"x":"赵嘉轩"}'),
        ("name", json.dumps({"x": "联系人赵嘉轩先生"})),
        ("tax number", "uscc=91440300ma5examplx"),
        ("e-mail", "<Buyer000001@Example.com>"),
        ("company", "from 示例精密机械装备有限公司"),
    ],
)
def test_each_kind_is_found(what: str, text: str) -> None:
    assert Samples([SOMEBODY]).found_in(text) == {what}


@pytest.mark.parametrize(
    "text",
    [
        masked(SOMEBODY.phone),
        json.dumps(SPAN),
        "13800138002",
        "913800138001",
        "138001380019",
        "covers 广东 / 东莞, 深圳; lead is in 海南 三沙",
    ],
)
def test_what_is_masked_or_of_nobody_is_not_found(text: str) -> None:
    assert Samples([SOMEBODY]).found_in(text) == set()


def test_every_delivery_of_a_plan_would_be_found() -> None:
    planned = plan(200, seed=5, at=datetime(2026, 1, 25, tzinfo=UTC))
    samples = Samples(planned.people)

    bodies = [json.dumps(body) for body in planned.graph_bodies.values()]
    bodies += [one.body.decode() for one in planned.deliveries if one.webhook_id]

    assert all({"name", "company"} <= samples.found_in(body) for body in bodies)


def test_a_leak_is_told_by_file_and_line_without_its_value(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "clean.log").write_text("nothing\n")
    (tmp_path / "deep" / "bad.log").write_text(f"first\n{json.dumps(SOMEBODY.name)}\n")

    found = leaks(Samples([SOMEBODY]), [tmp_path])

    assert found == [Leak("bad.log", 2, "name")]
