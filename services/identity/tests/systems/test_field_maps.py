"""Field maps: what systems call things, and what becomes of values that do not fit."""

import pytest
from identity.domain.field_maps import (
    EntityMap,
    FieldKind,
    FieldRule,
    Misfit,
    read_row,
    source_key,
    written_row,
)
from identity.policies.systems import InvalidSystemPolicy, load_systems, parse_field_map

SYSTEMS = load_systems()
KINGDEE = SYSTEMS.entity_map("kingdee", "customer")
TICKET = SYSTEMS.entity_map("tickets", "ticket")


def a_map(**rules):
    return EntityMap(rules)


def test_the_receivable_balance_of_the_erp_becomes_the_credit_limit():
    mapped = read_row(KINGDEE, {"应收余额": "¥120,000.50", "版本号": 7})

    assert mapped.fields == {"credit_limit": "120000.5"}
    assert mapped.version == "7"


@pytest.mark.parametrize(
    ("complaint", "risk"), [("质量问题", "高"), ("服务态度", "中"), ("咨询", "低"), ("别的", "中")]
)
def test_the_kind_of_a_complaint_becomes_the_risk_of_service(complaint, risk):
    assert read_row(TICKET, {"投诉类型": complaint}).fields == {"service_risk": risk}


def test_text_in_a_date_costs_the_date_and_nothing_else():
    mapped = read_row(KINGDEE, {"建档日期": "下周三", "联系人": "张伟"})

    assert mapped.fields == {"name": "张伟"}
    assert mapped.misfits == (Misfit("建档日期", "not_a_date"),)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (FieldKind.DATE, "2026-02-07T08:30:00+08:00", "2026-02-07"),
        (FieldKind.DATE, "2026年2月7日", "2026-02-07"),
        (FieldKind.DATE, 20260207, "2026-02-07"),
        (FieldKind.AMOUNT, "1,000.00", "1000"),
        (FieldKind.AMOUNT, 0, "0"),
        (FieldKind.AMOUNT, "-0.50", "-0.5"),
        (FieldKind.INTEGER, "007", "7"),
        (FieldKind.FLAG, "是", "true"),
        (FieldKind.FLAG, False, "false"),
        (FieldKind.TEXT, "  Ａ\u202eＢ ", "AB"),
    ],
    ids=str,
)
def test_values_are_read_in_one_spelling(kind, raw, value):
    assert read_row(a_map(f=FieldRule("to", kind)), {"f": raw}).fields == {"to": value}


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        (FieldKind.DATE, "2026-02-30", "not_a_date"),
        (FieldKind.AMOUNT, "1e999999", "not_a_number"),
        (FieldKind.AMOUNT, "NaN", "not_a_number"),
        (FieldKind.AMOUNT, float("inf"), "not_a_number"),
        (FieldKind.INTEGER, "1.5", "not_an_integer"),
        (FieldKind.FLAG, "vielleicht", "not_a_flag"),
        (FieldKind.TEXT, {"a": 1}, "not_plain"),
        (FieldKind.TEXT, "x" * 2_001, "too_long"),
    ],
    ids=str,
)
def test_values_that_do_not_fit_are_told_by_name_and_reason(kind, raw, reason):
    mapped = read_row(a_map(f=FieldRule("to", kind)), {"f": raw})

    assert mapped.fields == {}
    assert mapped.misfits == (Misfit("f", reason),)


def test_a_row_of_absurdly_many_fields_is_refused_whole():
    assert read_row(KINGDEE, {str(n): n for n in range(501)}).misfits == (
        Misfit("", "too_many_fields"),
    )


def test_fields_that_nobody_mapped_are_reported():
    mapped = read_row(KINGDEE, {"联系人": "张伟", "爱好": "钓鱼", "备注": "常客"})

    assert mapped.unknown == ("爱好",)


def test_what_is_written_back_is_in_the_systems_own_words():
    entity = EntityMap(
        {
            "等级": FieldRule("member_level", table={"甲": "A", "乙": "B"}),
            "手机": FieldRule("phone"),
            "风险": FieldRule("service_risk", table={"甲": "高", "乙": "高"}),
        }
    )

    row = written_row(entity, {"member_level": "B", "phone": "13800138001", "service_risk": "高"})

    assert row == {"等级": "乙", "手机": "13800138001"}


def test_only_rows_of_customers_have_a_bare_key():
    assert source_key("customer", "C1") == "C1"
    assert source_key("ticket", "C1") == "ticket/C1"


def test_every_writable_field_of_a_packaged_system_can_be_put_into_its_terms():
    for name, policy in SYSTEMS.policies.items():
        assert SYSTEMS.writable(name) == policy.writable, name


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("[", "not YAML"),
        ("system: x", "required property"),
        ("{system: x, version: 1, entities: {c: {fields: {a: {}}}}}", "'to' is a required"),
        ("{system: x, version: 1, entities: {c: {fields: {a: {to: b}}, ignored: [a]}}}", "both"),
        ("{system: x, version: 1, entities: {c: {fields: {a: {to: b, otherwise: c}}}}}", "table"),
        ("x" * 200_001, "longer than"),
    ],
    ids=["no-yaml", "incomplete", "no-target", "both", "otherwise", "long"],
)
def test_a_wrong_map_is_refused_with_the_place(document, complaint):
    with pytest.raises(InvalidSystemPolicy, match=complaint):
        parse_field_map(document)
