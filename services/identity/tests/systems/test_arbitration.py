"""Arbitration: time is the only judge, the order of systems decides between equals (ID-11, ID-12)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.arbitration import (
    Said,
    corrections,
    differences,
    is_echo,
    is_same,
    since_when,
    survivors,
)
from identity.policies.systems import load_systems

SYSTEMS = load_systems()
T0 = datetime(2026, 2, 7, 4, tzinfo=UTC)
NOW = T0 + timedelta(days=1)


def minutes(number):
    return T0 + timedelta(minutes=number)


def says(system, at=T0, source_id=1, **fields):
    return Said(source_id, system, fields, dict.fromkeys(fields, at))


def test_the_newest_update_of_the_crm_wins_and_is_pushed_to_the_other_two():
    crm = says("crm", minutes(9), 1, phone="13800138002")
    kingdee = says("kingdee", minutes(1), 2, phone="13800138001")
    wechat = says("wechat", minutes(2), 3, phone="138 0013 8001")

    standing = survivors([crm, kingdee, wechat], SYSTEMS, now=NOW)
    told = corrections([crm, kingdee, wechat], standing, SYSTEMS)

    assert [(each.system, dict(each.fields), dict(each.winners)) for each in told] == [
        ("kingdee", {"phone": "13800138002"}, {"phone": "crm"}),
        ("wechat", {"phone": "13800138002"}, {"phone": "crm"}),
    ]


def test_no_system_is_weightier_than_a_newer_one():
    crm, old = says("crm", minutes(1), name="张伟"), says("old_crm", minutes(2), 2, name="张玮")

    assert survivors([crm, old], SYSTEMS, now=NOW)["name"].system == "old_crm"


def test_of_equal_times_the_foremost_system_wins():
    sap, crm = says("sap", name="李娜"), says("crm", source_id=2, name="李那")

    assert survivors([sap, crm], SYSTEMS, now=NOW)["name"].value == "李那"


def test_a_clock_far_ahead_does_not_win_for_ever():
    ahead = says("sap", NOW + timedelta(days=400), phone="13800138001")
    later = says("crm", NOW + timedelta(minutes=1), 2, phone="13800138002")

    standing = survivors([ahead, later], SYSTEMS, now=NOW)

    assert standing["phone"].value == "13800138002"


def test_touching_a_row_does_not_renew_the_values_that_it_always_had():
    chain = [
        ({"phone": "13800138001", "address": "甲路1号"}, minutes(0)),
        ({"phone": "13800138001", "address": "乙路2号"}, minutes(5)),
    ]

    assert since_when(chain) == {"phone": minutes(0), "address": minutes(5)}


def test_a_value_that_was_given_up_and_comes_again_is_new():
    chain = [({"name": value}, minutes(at)) for at, value in enumerate(["甲", "乙", "甲"])]

    assert since_when(chain) == {"name": minutes(2)}


def test_fields_outside_the_whitelist_are_never_written():
    crm = says("crm", minutes(9), uscc="91440300MA5D123456", phone="13800138001")
    kingdee = says("kingdee", minutes(1), 2, uscc="", phone="13800138001")

    standing = survivors([crm, kingdee], SYSTEMS, now=NOW)

    assert corrections([crm, kingdee], standing, SYSTEMS) == []


def test_spelling_is_no_difference():
    assert is_same("phone", "+86 138-0013-8001", "13800138001")
    assert is_same("company", "示例 科技（深圳）", "示例科技(深圳)")
    assert not is_same("phone", None, "13800138001")


def test_the_comparison_at_night_names_fields_and_parties_and_no_values():
    said = [
        says("crm", minutes(3), 1, phone="13800138002", name="张伟"),
        says("kingdee", minutes(1), 2, phone="13800138001", name="张 伟"),
        says("wechat", minutes(2), 3, phone="+8613800138001"),
    ]

    (found,) = differences(said, survivors(said, SYSTEMS, now=NOW))

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
    st.tuples(
        st.sampled_from(sorted(SYSTEMS.policies)), st.integers(0, 3), st.sampled_from("甲乙丙")
    ),
    min_size=1,
    max_size=8,
)


@given(SAYINGS, st.randoms())
def test_whose_value_stands_does_not_depend_on_the_order_of_asking(sayings, chance):
    said = [
        says(system, minutes(at), n, name=value) for n, (system, at, value) in enumerate(sayings)
    ]
    shuffled = chance.sample(said, len(said))

    assert survivors(said, SYSTEMS, now=NOW) == survivors(shuffled, SYSTEMS, now=NOW)


@given(SAYINGS)
def test_after_all_corrections_nobody_who_is_written_to_differs(sayings):
    said = [
        says(system, minutes(at), n, name=value) for n, (system, at, value) in enumerate(sayings)
    ]
    standing = survivors(said, SYSTEMS, now=NOW)
    told = {each.source_id: each.fields for each in corrections(said, standing, SYSTEMS)}

    corrected = [
        Said(
            each.source_id, each.system, {**each.fields, **told.get(each.source_id, {})}, each.since
        )
        for each in said
    ]

    assert corrections(corrected, survivors(corrected, SYSTEMS, now=NOW), SYSTEMS) == []
