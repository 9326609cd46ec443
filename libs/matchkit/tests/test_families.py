"""Customers in a family: together by evidence, apart by contradiction, the same in any order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from matchkit.families import Judgement, Link, Member, Verdict, partition, undivided

IDS = range(8)
members = st.fixed_dictionaries(
    {
        at: st.builds(
            lambda at, value, names, owned: Member(
                bytes([at]), ((0, value),) if value else (), tuple(sorted(names)), owned
            ),
            st.just(at),
            st.integers(0, 2),
            st.sets(st.integers(1, 3), max_size=2),
            st.sampled_from([(), (), ("a",), ("b",), ("a", "b")]),
        )
        for at in IDS
    }
)
alike = st.fixed_dictionaries(
    {
        at: st.builds(
            Member,
            st.just(bytes([at])),
            names=st.sampled_from([(1,), (1,), (1, 2), (2,), ()]),
            owned=st.sampled_from([("a",), ("a",), ("a", "b"), ("b",), ()]),
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

musts = st.lists(pairs, max_size=2, unique=True).map(
    lambda found: [Judgement(*pair, Verdict.MUST) for pair in found]
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


@given(members=members | alike, links=links, words=judgements | musts)
def test_strangers_who_never_meet_change_nothing_for_anybody_else(members, links, words):
    # They keep every short cut from being taken: where nothing is refused, all is joined at once.
    strangers = {98: Member(b"98"), 99: Member(b"99")}
    apart = Judgement(98, 99, Verdict.NEVER)

    customers = partition(members, links, words)
    beside = partition(members | strangers, links, [*words, apart])

    assert beside == [*customers, frozenset({98}), frozenset({99})]


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


def test_a_record_that_two_contradicting_ones_claim_goes_where_its_like_goes():
    claims = {1: ((0, 7),), 2: ((0, 8),), 3: (), 4: ()}
    members = {at: Member(bytes([at]), claim) for at, claim in claims.items()}
    links = [(1, 3, 20.0), (2, 4, 19.0), (3, 4, 18.0), (1, 4, 18.0), (2, 3, 18.0)]

    found = partition(members, [Link(a, b, bits, accepted=True) for a, b, bits in links])

    assert found == [{1, 3, 4}, {2}]


def test_a_record_without_a_mobile_does_not_make_two_mobiles_one():
    one, other, neither = (
        Member(bytes([at]), owned=owned) for at, owned in enumerate([("a",), ("b",), ()])
    )
    bridges = [Link(1, 3, 9.0, accepted=True), Link(2, 3, 4.0, accepted=True)]
    direct = Link(1, 2, 3.0, accepted=True)

    assert partition({1: one, 2: other, 3: neither}, bridges) == [{1, 3}, {2}]
    assert partition({1: one, 2: one, 3: neither}, bridges) == [{1, 2, 3}]
    assert partition({1: one, 2: other, 3: neither}, [*bridges, direct]) == [{1, 2, 3}]


def test_two_of_one_name_with_mobiles_of_their_own_stay_apart():
    members = {at: Member(bytes([at]), owned=("a" if at < 3 else "b",)) for at in (1, 2, 3, 4)}
    links = [
        Link(a, b, bits, accepted=True) for a, b, bits in [(1, 2, 9.0), (3, 4, 9.0), (2, 3, 3.0)]
    ]
    both = Member(bytes([5]), owned=("a", "b"))

    assert partition(members, links) == [{1, 2}, {3, 4}]
    assert partition({1: members[1], 3: members[3]}, [Link(1, 3, 3.0, accepted=True)]) == [{1, 3}]
    bridged = [*links, Link(2, 5, 8.0, accepted=True), Link(3, 5, 8.0, accepted=True)]
    assert partition({**members, 5: both}, bridged) == [{1, 2, 3, 4, 5}]
