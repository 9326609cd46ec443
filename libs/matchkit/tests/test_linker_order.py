"""The order of coming, of judging and of asking leaves no trace in who is which customer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matchkit.errors import JudgementsContradict
from matchkit.families import Verdict
from matchkit.linker import Linker

NAMES = ("anna", "anne", "annabel", "bertram", "carla", "dora", "emil", "")
PHONES = ("13800138000", "13800138001", "13800138002", "")
COMPANIES = ("north works", "north walls", "south", "")
raw_records = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(NAMES),
            "phone": st.sampled_from(PHONES),
            "other_phones": st.lists(st.sampled_from(PHONES), max_size=1),
            "uscc": st.sampled_from(("T1", "T2", "", "")),
            "company": st.sampled_from(COMPANIES),
        }
    ),
    min_size=2,
    max_size=22,
)
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def linked(model, hasher, rows, order):
    linker = Linker(model, hasher)
    for at in order:
        linker.add(at, model.read(rows[at]))
    return linker


def state(linker):
    around = linker.neighbourhood
    links = {link for at in around.records for link in around.links_of(at).values()}
    return linker.partition(), links, set(around.generic)


@quick
@given(rows=raw_records, data=st.data())
def test_any_order_gives_the_same_links_hubs_and_customers(model, hasher, rows, data):
    order = data.draw(st.permutations(range(len(rows))))
    asked_on_the_way = data.draw(st.sets(st.sampled_from(range(len(rows)))))

    straight = linked(model, hasher, rows, range(len(rows)))
    shuffled = Linker(model, hasher)
    for at in order:
        shuffled.add(at, model.read(rows[at]))
        if at in asked_on_the_way:
            shuffled.part(at)

    assert state(shuffled) == state(straight)


@quick
@given(rows=raw_records, data=st.data())
def test_a_record_that_came_and_went_leaves_no_trace(model, hasher, rows, data):
    gone = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1, max_size=len(rows) - 1))
    staying = [at for at in range(len(rows)) if at not in gone]

    never_there = linked(model, hasher, rows, staying)
    linker = linked(model, hasher, rows, data.draw(st.permutations(range(len(rows)))))
    for at in data.draw(st.permutations(sorted(gone))):
        linker.remove(at)

    assert state(linker) == state(never_there)


@quick
@given(rows=raw_records, data=st.data())
def test_judgements_hold_whenever_they_are_given(model, hasher, rows, data):
    ids = st.sampled_from(range(len(rows)))
    words = data.draw(
        st.lists(st.tuples(ids, ids, st.sampled_from(Verdict)).filter(lambda w: w[0] != w[1]))
    )
    late = linked(model, hasher, rows, range(len(rows)))
    given_words = [word for word in words if accepted(late, word)]

    early = Linker(model, hasher)
    for at in data.draw(st.permutations(range(len(rows)))):
        early.add(at, model.read(rows[at]))
        for word in given_words:
            if at in word[:2] and {*word[:2]} <= early.neighbourhood.records.keys():
                early.judge(*word)

    assert state(early) == state(late)
    for a, b, verdict in given_words:
        assert (late.part(a) == late.part(b)) or verdict is Verdict.NEVER
        assert (late.part(a) != late.part(b)) or verdict is Verdict.MUST


@quick
@given(rows=raw_records, data=st.data())
def test_changes_tell_exactly_the_difference(model, hasher, rows, data):
    linker = Linker(model, hasher)
    parts, links, hubs = set(), set(), set()
    for at, row in enumerate(rows):
        linker.add(at, model.read(row))
        if data.draw(st.booleans()) and at > 2:
            linker.remove(data.draw(st.sampled_from(sorted(linker.neighbourhood.records))))
        if data.draw(st.booleans()):
            replay(linker.changes(), parts, links, hubs)
    replay(linker.changes(), parts, links, hubs)

    assert (sorted(parts, key=min), links, hubs) == state(linker)
    assert linker.changes().regroupings == ()


def replay(changes, parts, links, hubs):
    for regrouping in changes.regroupings:
        parts -= set(regrouping.old)
        parts |= set(regrouping.new)
    links -= set(changes.links_removed)
    links |= set(changes.links_added)
    hubs -= set(changes.hubs_unmade)
    hubs |= set(changes.hubs_made)


def accepted(linker, word):
    try:
        linker.judge(*word)
    except JudgementsContradict:
        return False
    return True


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_judgement_revoked_leaves_no_trace(model, hasher, verdict):
    rows = [{"name": "anna", "phone": "13800138000"}, {"name": "anna", "phone": "13800138000"}]
    linker = linked(model, hasher, rows, range(2))
    before = state(linker)

    linker.judge(0, 1, verdict)
    linker.revoke(1, 0)

    assert state(linker) == before
