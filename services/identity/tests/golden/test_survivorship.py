"""Which value stands: the rules one by one, and that no order of arrival decides anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.golden import GoldenRecord, Pin, Said, Source, survive
from identity.domain.golden_changes import InvalidPin, checked_pin, differences
from identity.domain.survivorship import Comparison, FieldIsLocked, Rule, same_form
from identity.policies.survivorship import (
    InvalidSurvivorshipPolicy,
    packaged_document,
    parse_survivorship,
)
from identity.store.golden_values import canonical

if TYPE_CHECKING:
    from random import Random

    from identity.domain.survivorship import SurvivorshipPolicy

T0 = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PACKAGED = parse_survivorship(packaged_document())
BY_LENGTH = """
version: 7
clock_ahead_max_s: 300
source_order: [crm, kingdee]
default: {rules: [newest]}
fields:
  company: {rules: [longest]}
  city: {rules: [most_frequent, newest]}
  remark: {rules: [lexical]}
"""


def said(at: datetime = T0, actor: str = "", **fields: str) -> Said:
    return Said(fields, at, at, actor)


def source(number: int, system: str, *chain: Said) -> Source:
    return Source(number, system, number.to_bytes(16, "big"), chain)


def stands(field: str, *sources: Source, policy: str = "") -> tuple[str, Rule]:
    rules = parse_survivorship(policy) if policy else PACKAGED
    value = survive(sources, rules).values[field]
    return value.text, value.rule


def test_the_value_that_was_changed_last_stands_whoever_holds_it() -> None:
    crm, erp = (
        source(1, "crm", said(name="钱七")),
        source(2, "kingdee", said(T0 + HOUR, name="钱柒")),
    )

    assert stands("name", crm, erp) == ("钱柒", Rule.NEWEST)


def test_of_equal_times_the_first_system_of_the_order_stands() -> None:
    crm, erp = source(1, "crm", said(name="钱七")), source(2, "kingdee", said(name="钱柒"))

    assert stands("name", erp, crm) == ("钱七", Rule.SOURCE_ORDER)


def test_a_row_that_changes_elsewhere_does_not_say_the_rest_anew() -> None:
    touched = source(
        1, "crm", said(credit_grade="A"), said(T0 + 2 * HOUR, credit_grade="A", city="深圳")
    )
    after_sales = source(2, "tickets", said(T0 + HOUR, credit_grade="C", actor="after-sales-3"))

    assert stands("credit_grade", touched, after_sales) == ("C", Rule.NEWEST)


def test_a_clock_that_is_fast_does_not_win_for_ever() -> None:
    fast = source(1, "kingdee", Said({"name": "钱柒"}, T0 + timedelta(days=300), T0, ""))
    later = source(2, "crm", said(T0 + HOUR, name="钱七"))

    assert stands("name", fast, later) == ("钱七", Rule.NEWEST)


def test_a_clock_a_little_ahead_is_believed() -> None:
    ahead = source(1, "kingdee", Said({"name": "钱柒"}, T0 + timedelta(minutes=4), T0, ""))
    later = source(2, "crm", said(T0 + timedelta(minutes=3), name="钱七"))

    assert stands("name", ahead, later) == ("钱柒", Rule.NEWEST)


def test_only_the_owners_of_a_field_are_heard() -> None:
    finance = source(1, "finance", said(deal_amount="100"))
    crm = source(2, "crm", said(T0 + HOUR, deal_amount="900"))

    assert stands("deal_amount", finance, crm) == ("100", Rule.OWNER)
    assert "deal_amount" not in survive([crm], PACKAGED).values
    assert "deal_amount" not in survive([crm, source(3, "lead", said())], PACKAGED).values


@pytest.mark.parametrize(
    ("field", "texts", "expected"),
    [
        ("company", ["示例科技", "示例科技有限公司", "示例"], ("示例科技有限公司", Rule.LONGEST)),
        ("city", ["深圳", "深圳", "广州"], ("深圳", Rule.MOST_FREQUENT)),
        ("remark", ["b", "a", "c"], ("a", Rule.LEXICAL)),
        ("unknown", ["b", "a", "c"], ("a", Rule.LEXICAL)),
        ("unknown", ["A ", "a", "Ａ"], ("A", Rule.ONLY_VALUE)),
    ],
    ids=["longest", "most_frequent", "lexical", "default", "spellings"],
)
def test_each_rule_keeps_the_best_of_what_is_left(
    field: str, texts: list[str], expected: tuple[str, Rule]
) -> None:
    sources = [source(n, "sap", said(**{field: text})) for n, text in enumerate(texts)]

    assert stands(field, *sources, policy=BY_LENGTH) == expected


def test_a_value_tells_where_it_is_from_and_against_whom_it_stands() -> None:
    crm = source(1, "crm", said(T0 + HOUR, actor="wang", phone="+86 138-0013-8001"))
    erp = source(2, "sap", said(phone="13800138001"))
    lead = source(3, "lead", said(phone="13800138002"))

    value = survive([crm, erp, lead], PACKAGED).values["phone"]

    assert (value.system, value.source_id, value.actor) == ("crm", 1, "wang")
    assert (value.modified_at, value.loser_count) == (T0 + HOUR, 1)


def test_phones_that_do_not_stand_are_kept_once_each() -> None:
    crm = source(1, "crm", said(T0 + HOUR, phone="13800138001", other_phones="13800138003"))
    erp = source(2, "sap", said(phone="+8613800138002", other_phones="13800138001,138 0013 8003"))

    record = survive([erp, crm], PACKAGED)

    assert record.values["phone"].text == "13800138001"
    assert record.values["other_phones"].text == "13800138003,+8613800138002"
    assert record.values["other_phones"].source_ids == (1, 2)


def test_an_extension_is_another_phone() -> None:
    forms = [
        same_form(text, Comparison.PHONE)
        for text in ("+867551234567", "+867551234567;ext=801", "138****8001", "0086 13800138001")
    ]

    assert len(set(forms)) == 4
    assert forms[3] == same_form("13800138001", Comparison.PHONE)


def test_a_pin_stands_above_everything_and_the_last_one_counts() -> None:
    crm = source(1, "crm", said(T0 + HOUR, name="钱七"))
    pins = [Pin(1, "name", "钱八", "steward-1", T0), Pin(2, "name", "钱九", "steward-2", T0)]

    value = survive([crm], PACKAGED, pins).values["name"]

    assert (value.text, value.rule, value.actor) == ("钱九", Rule.PIN, "steward-2")
    assert (value.source_ids, value.loser_count) == ((), 1)


def test_a_field_that_has_owners_is_not_pinned() -> None:
    finance = source(1, "finance", said(deal_amount="100"))
    pin = Pin(1, "deal_amount", "1", "steward-1", T0)

    assert survive([finance], PACKAGED, [pin]).values["deal_amount"].text == "100"
    with pytest.raises(FieldIsLocked, match="finance"):
        PACKAGED.check_pin("deal_amount")


def test_nothing_said_gives_nothing() -> None:
    assert survive([], PACKAGED) == GoldenRecord({}, 1)
    assert survive([source(1, "crm", said(name=" "))], PACKAGED).values == {}


def test_only_a_text_that_differs_is_a_change() -> None:
    one = survive([source(1, "crm", said(name="钱七", city="深圳"))], PACKAGED)
    two = survive([source(2, "sap", said(T0 + HOUR, name="钱七", email="a@example.com"))], PACKAGED)

    changes = {(each.field, each.old is None, each.new is None) for each in differences(one, two)}

    assert changes == {("city", False, True), ("email", True, False)}


TEXTS = st.sampled_from(["a", "b", "A", "bb", "", "13800138001", "+86 13800138001", "13800138002"])
FIELDS = st.dictionaries(
    st.sampled_from(["name", "phone", "other_phones", "city", "deal_amount", "remark"]), TEXTS
)
TIMES = st.integers(0, 3).map(lambda hours: T0 + hours * HOUR)
SAID = st.builds(Said, FIELDS, TIMES, TIMES, st.just(""))
SYSTEMS = st.sampled_from(["crm", "sap", "finance", "lead", "nobody"])


@st.composite
def worlds(draw: st.DrawFn) -> list[Source]:
    chains = draw(st.lists(st.tuples(SYSTEMS, st.lists(SAID, min_size=1, max_size=3)), max_size=5))
    return [source(n, system, *chain) for n, (system, chain) in enumerate(chains)]


@given(
    worlds(),
    st.randoms(use_true_random=False),
    st.sampled_from([PACKAGED, parse_survivorship(BY_LENGTH)]),
)
def test_no_order_decides_and_a_sum_that_is_undone_gives_the_same_bytes(
    world: list[Source], random: Random, policy: SurvivorshipPolicy
) -> None:
    shuffled = list(world)
    random.shuffle(shuffled)
    alone = canonical(survive(world[:1], policy))

    together = canonical(survive(world, policy))

    assert canonical(survive(shuffled, policy)) == together
    assert canonical(survive(world[:1], policy)) == alone


@given(worlds())
def test_the_short_way_for_one_source_gives_what_weighing_gives(world: list[Source]) -> None:
    for each in world:
        twin = Source(each.source_id, each.system, each.digest, each.chain[-1:])
        silent = source(99, "old_crm", said())

        assert survive([twin], PACKAGED) == survive([twin, silent], PACKAGED)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("version: 1", "version: 0", "version"),
        ("rules: [newest", "rules: [loudest", "loudest"),
        ("owners: [finance", "owners: [Finance!", "Finance"),
        ("values_max: 10", "values_max: 1", "values_max"),
        ("fields:", "colours:", "colours"),
        ("fields:", "fields: [", "YAML"),
        ("source_order:", "source_order: &a", ""),
    ],
    ids=["version", "rule", "owner", "list", "name", "yaml", "anchor"],
)
def test_what_is_no_policy_is_refused_with_the_place(old: str, new: str, place: str) -> None:
    document = packaged_document().replace(old, new, 1)

    if not place:
        assert parse_survivorship(document) == PACKAGED
        return
    with pytest.raises(InvalidSurvivorshipPolicy, match=place):
        parse_survivorship(document)


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("Name", "钱七", "why"),
        ("name", " ", "why"),
        ("name", "\u202e钱七", "why"),
        ("name", "x" * 2001, "why"),
        ("name", "钱七", ""),
        ("name", "钱七", "y" * 501),
    ],
    ids=["field", "empty", "control", "long", "no_reason", "long_reason"],
)
def test_what_cannot_be_a_pin_is_refused_without_its_text(
    field: str, text: str, reason: str
) -> None:
    with pytest.raises(InvalidPin) as refused:
        checked_pin(field, text, reason)

    assert "钱" not in str(refused.value)
