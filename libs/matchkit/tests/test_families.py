"""Customers in a family: together by evidence, apart by contradiction, the same in any order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from matchkit.families import Judgement, Link, Member, Verdict, partition, undivided

IDS = range(8)
members = st.fixed_dictionaries(
    {
        at: st.builds(
            lambda at, value, names: Member(
                bytes([at]), ((0, value),) if value else (), tuple(sorted(names))
            ),
            st.just(at),
            st.integers(0, 2),
            st.sets(st.integers(1, 3), max_size=2),
        )
        for at in IDS
    }
)
pairs = st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda pair: pair[0] < pair[1])
links = st.dictionaries(pairs, st.tuples(st.integers(0, 4), st.booleans())).map(
    lambda found: [Link(*pair, float(bits), accepted) for pair, (bits, accepted) in found.items()]
)
judgements = st.dictionaries(pairs, st.sampled_from(Verdict), max_size=6).map(
    lambda found: [Judgement(*pair, verdict) for pair, verdict in found.items()]
)


@settings(deadline=None)
@given(members=members, links=links, words=judgements, data=st.data())
def test_customers_do_not_depend_on_the_order_of_anything(members, links, words, data):
    shuffled = partition(
        {at: members[at] for at in data.draw(st.permutations(IDS))},
        data.draw(st.permutations(links)),
        data.draw(st.permutations(words)),
        size_max=5,
    )

    assert shuffled == partition(members, links, words, size_max=5)


@settings(deadline=None)
@given(members=members, links=links, words=judgements)
def test_no_customer_contradicts_itself(members, links, words):
    parts = partition(members, links, words, size_max=5)

    assert sorted(at for part in parts for at in part) == list(IDS)
    for part in parts:
        assert len(part) <= 5
        assert len({value for at in part for value in members[at].exclusives}) <= 1
        for word in words:
            assert word.verdict is Verdict.MUST or not {word.a, word.b} <= part


@settings(deadline=None)
@given(members=members, links=links)
def test_what_nothing_divides_stays_together(members, links):
    agreeing = {at: Member(member.digest) for at, member in members.items()}
    parts = partition(agreeing, links, size_max=50)

    whole = {at: part for part in parts for at in part}
    assert all(whole[link.a] == whole[link.b] for link in links if link.accepted)


@settings(deadline=None)
@given(members=members, words=judgements, data=st.data())
def test_a_family_that_nothing_divides_is_one_customer(members, words, data):
    chain = [
        Link(at, at + 1, float(data.draw(st.integers(0, 4))), accepted=True) for at in IDS[:-1]
    ]

    if undivided(members, words, size_max=len(IDS)):
        assert partition(members, chain, words, size_max=len(IDS)) == [frozenset(IDS)]


def test_a_word_about_somebody_else_divides_no_family():
    family = {at: Member(bytes([at])) for at in (1, 2)}

    assert undivided(family, [Judgement(2, 3, Verdict.NEVER)])
    assert not undivided(family, [Judgement(1, 2, Verdict.NEVER)])


def test_the_weaker_side_gives_way():
    members = {at: Member(bytes([at]), ((0, at),) if at != 2 else ()) for at in (1, 2, 3)}
    strong, weak = Link(1, 2, 9.0, accepted=True), Link(2, 3, 4.0, accepted=True)

    assert partition(members, [strong, weak]) == [{1, 2}, {3}]


def test_what_must_be_together_comes_before_any_evidence():
    members = {at: Member(bytes([at])) for at in (1, 2, 3)}
    links = [Link(1, 2, 30.0, accepted=True)]
    words = [Judgement(2, 3, Verdict.MUST), Judgement(1, 3, Verdict.NEVER)]

    assert partition(members, links, words) == [{1}, {2, 3}]


def test_a_record_without_a_full_name_does_not_make_two_names_one():
    one, other, neither = (
        Member(bytes([at]), (), names) for at, names in enumerate([(7,), (8,), ()])
    )
    bridges = [Link(1, 3, 9.0, accepted=True), Link(2, 3, 4.0, accepted=True)]
    direct = Link(1, 2, 3.0, accepted=True)

    assert partition({1: one, 2: other, 3: neither}, bridges) == [{1, 3}, {2}]
    assert partition({1: one, 2: one, 3: neither}, bridges) == [{1, 2, 3}]
    assert partition({1: one, 2: other, 3: neither}, [*bridges, direct]) == [{1, 2, 3}]
