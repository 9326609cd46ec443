"""Arbitration: who has to be told what stands, and where systems differ (ID-10, ID-11, ID-12)."""

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.arbitration import (
    Said,
    Survivor,
    corrections,
    differences,
    is_echo,
    is_same,
)
from identity.policies.systems import load_systems

SYSTEMS = load_systems()
WRITABLE = {name: SYSTEMS.writable(name) for name in SYSTEMS.policies}


def says(system, source_id=1, **fields):
    return Said(source_id, system, fields)


def stands(system, **fields):
    return {name: Survivor(value, system) for name, value in fields.items()}


def test_what_the_crm_said_last_is_pushed_to_the_other_two():
    crm = says("crm", 1, phone="13800138002")
    kingdee = says("kingdee", 2, phone="13800138001")
    wechat = says("wechat", 3, phone="138 0013 8001")

    told = corrections([crm, kingdee, wechat], stands("crm", phone="13800138002"), WRITABLE)

    assert [(each.system, dict(each.fields), dict(each.winners)) for each in told] == [
        ("kingdee", {"phone": "13800138002"}, {"phone": "crm"}),
        ("wechat", {"phone": "13800138002"}, {"phone": "crm"}),
    ]


def test_a_system_that_says_nothing_of_a_field_is_told_it():
    told = corrections(
        [says("kingdee", name="张伟")], stands("crm", email="a@example.com"), WRITABLE
    )

    assert [dict(each.fields) for each in told] == [{"email": "a@example.com"}]


def test_a_system_that_is_only_read_is_told_nothing():
    assert corrections([says("old_crm", name="张玮")], stands("crm", name="张伟"), WRITABLE) == []


def test_fields_outside_the_whitelist_are_never_written():
    kingdee = says("kingdee", phone="13800138001")

    assert corrections([kingdee], stands("crm", uscc="91440300MA5D123456"), WRITABLE) == []


def test_spelling_is_no_difference():
    assert is_same("phone", "+86 138-0013-8001", "13800138001")
    assert is_same("company", "示例 科技（深圳）", "示例科技(深圳)")
    assert not is_same("phone", None, "13800138001")


def test_the_comparison_at_night_names_fields_and_parties_and_no_values():
    said = [
        says("crm", 1, phone="13800138002", name="张伟"),
        says("kingdee", 2, phone="13800138001", name="张 伟"),
        says("wechat", 3, phone="+8613800138001"),
    ]

    (found,) = differences(said, stands("crm", phone="13800138002", name="张伟"))

    assert (found.field, found.systems) == ("phone", ("crm", "kingdee", "wechat"))
    assert (found.parties, found.standing) == ((1, 2, 2), 1)


def test_an_echo_is_a_row_in_which_only_our_own_values_are_new():
    known = {"phone": "13800138001", "name": "张伟"}
    ours = {("phone", "13800138002")}
    written = {"phone": "13800138002", "name": "张伟"}

    def is_ours(field, value):
        return (field, value) in ours

    assert is_echo(written, known, is_ours, ["phone", "name"])
    assert not is_echo({**written, "name": "张玮"}, known, is_ours, ["phone", "name"])
    assert not is_echo({"phone": "13800138002"}, known, is_ours, ["phone", "name"])


SAYINGS = st.lists(
    st.tuples(st.sampled_from(sorted(SYSTEMS.policies)), st.sampled_from("甲乙丙")), max_size=8
)


@given(SAYINGS, st.sampled_from("甲乙丙"))
def test_after_all_corrections_nobody_who_is_written_to_differs(sayings, winner):
    said = [says(system, n, name=value) for n, (system, value) in enumerate(sayings)]
    standing = stands("crm", name=winner)
    told = {each.source_id: each.fields for each in corrections(said, standing, WRITABLE)}

    corrected = [
        Said(each.source_id, each.system, {**each.fields, **told.get(each.source_id, {})})
        for each in said
    ]

    assert corrections(corrected, standing, WRITABLE) == []
