"""The index of facts: what it takes, what it proves, and what it refuses to guess."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from accesskit.decisions import Missing, facts_of
from accesskit.facts import EVERYONE, Fact
from accesskit.language import BadValue, parse_model
from accesskit.relations import FactRefused, Relations, TooDeep, Tree, UnknownRelation

NOW_S = 1_000.0
MODEL = """
model
  schema 1.1
type user
  relations
    define manager: [user]
    define superior: manager or superior from manager
type team
  relations
    define member: [user, team#member]
type folder
  relations
    define parent: [folder]
    define blocked: [user]
    define reader: [user, user:*, team#member with in_hours] or reader from parent
    define safe_reader: ([user] or safe_reader from parent) but not blocked
type lead
  relations
    define owner: [user]
    define supervisor: superior from owner
    define shared: [user with in_hours, user:* with in_hours]
    define banned: [user with in_hours]
    define reader: owner or supervisor or shared
    define editor: owner but not banned
    define both: owner and shared
condition in_hours(hour: int) {
  hour >= 9 && hour < 18
}
"""


@pytest.fixture
def relations() -> Relations:
    return Relations(parse_model(MODEL))


def fact(text: str, **more: Any) -> Fact:
    """`lead:1#owner@user:ann`."""
    resource, rest = text.split("#", 1)
    relation, subject = rest.split("@")
    name, _, subject_relation = subject.partition("#")
    return Fact(
        *resource.split(":"), relation, *name.split(":"), subject_relation=subject_relation, **more
    )


def ask(relations: Relations, text: str, context: dict[str, Any] | None = None) -> Any:
    """The answer to `lead:1#owner@user:ann` at NOW_S."""
    asked = fact(text)
    check = relations.checker(asked.resource_type, asked.relation)
    return check(asked.resource_id, asked.subject_type, asked.subject_id, NOW_S, context)


def test_a_superior_of_the_owner_is_proven_by_the_chain_of_managers(relations: Relations) -> None:
    chain = [
        fact("lead:1#owner@user:ann", seq=3),
        fact("user:ann#manager@user:bo", seq=1),
        fact("user:bo#manager@user:cy", seq=2),
    ]
    for each in chain:
        relations.put(each)

    assert list(facts_of(ask(relations, "lead:1#reader@user:cy"))) == chain
    assert ask(relations, "lead:1#owner@user:cy") is None
    assert ask(relations, "lead:1#reader@user:dee") is None


def test_a_cycle_in_the_org_chart_ends_with_the_right_answer(relations: Relations) -> None:
    relations.put(fact("user:ann#manager@user:bo"))
    relations.put(fact("user:bo#manager@user:ann"))
    relations.put(fact("user:bo#manager@user:cy"))
    relations.put(fact("lead:1#owner@user:ann"))

    assert ask(relations, "lead:1#supervisor@user:cy")
    assert ask(relations, "lead:1#supervisor@user:ann")
    assert ask(relations, "lead:1#supervisor@user:dee") is None


def test_a_no_inside_a_cycle_is_not_remembered(relations: Relations) -> None:
    for here, there in (("a", "b"), ("b", "a")):
        relations.put(fact(f"folder:{here}#parent@folder:{there}"))
    relations.put(fact("folder:b#safe_reader@user:ann"))

    assert ask(relations, "folder:a#safe_reader@user:ann")
    assert ask(relations, "folder:b#safe_reader@user:ann")
    assert ask(relations, "folder:a#safe_reader@user:bo") is None


def test_a_person_with_two_managers_is_supervised_by_both(relations: Relations) -> None:
    relations.put(fact("user:ann#manager@user:bo"))
    relations.put(fact("user:ann#manager@user:cy"))
    relations.put(fact("lead:1#owner@user:ann"))

    assert ask(relations, "lead:1#supervisor@user:bo")
    assert ask(relations, "lead:1#supervisor@user:cy")


def test_a_demoted_manager_loses_the_view_at_once(relations: Relations) -> None:
    relations.put(fact("user:ann#manager@user:bo"))
    relations.put(fact("user:bo#manager@user:cy"))
    relations.put(fact("lead:1#owner@user:ann"))
    assert ask(relations, "lead:1#supervisor@user:cy")

    relations.remove(fact("user:bo#manager@user:cy"))

    assert ask(relations, "lead:1#supervisor@user:cy") is None
    assert ask(relations, "lead:1#supervisor@user:bo")


def test_a_fact_does_not_count_from_the_second_it_expires(relations: Relations) -> None:
    relations.put(fact("lead:1#owner@user:ann", until_s=NOW_S))
    relations.put(fact("lead:2#owner@user:ann", until_s=NOW_S + 0.5))

    assert ask(relations, "lead:1#owner@user:ann") is None
    assert ask(relations, "lead:2#owner@user:ann")


def test_an_answer_through_managers_follows_the_clock_both_ways(relations: Relations) -> None:
    relations.put(fact("user:ann#manager@user:bo", until_s=50.0))
    relations.put(fact("user:ann#manager@user:cy"))
    check = relations.checker("user", "superior")

    seen = [bool(check("ann", "user", "bo", now_s, None)) for now_s in (10.0, 50.0, 49.9, 60.0)]

    assert seen == [True, False, True, False]
    assert check("ann", "user", "cy", 60.0, None)


def test_a_long_chain_of_a_transitive_relation_is_followed_to_its_end(relations: Relations) -> None:
    names = [f"u{i}" for i in range(5_000)]
    for junior, senior in pairwise(names):
        relations.put(fact(f"user:{junior}#manager@user:{senior}"))

    proof = ask(relations, f"user:u0#superior@user:{names[-1]}")

    assert len(facts_of(proof)) == len(names) - 1


def test_a_chain_beyond_the_limit_is_an_error_and_not_a_no(relations: Relations) -> None:
    for here in range(60_000):
        relations.put(fact(f"folder:f{here}#parent@folder:f{here + 1}"))
    relations.put(fact("folder:f60000#safe_reader@user:ann"))

    with pytest.raises(TooDeep):
        ask(relations, "folder:f0#safe_reader@user:ann")
    assert ask(relations, "folder:f50001#safe_reader@user:ann")


def test_a_chain_deeper_than_the_stack_is_followed(relations: Relations) -> None:
    for here in range(2_000):
        relations.put(fact(f"folder:f{here}#parent@folder:f{here + 1}"))
    relations.put(fact("folder:f2000#safe_reader@user:ann"))
    relations.put(fact("folder:f1000#blocked@user:bo"))
    relations.put(fact("folder:f2000#safe_reader@user:bo"))

    assert ask(relations, "folder:f0#safe_reader@user:ann")
    assert ask(relations, "folder:f0#safe_reader@user:bo") is None
    assert ask(relations, "folder:f1001#safe_reader@user:bo")


@pytest.mark.parametrize("seed", range(8))
def test_a_large_tangle_of_links_gives_the_answers_of_a_plain_search(
    relations: Relations, seed: int
) -> None:
    random = Random(seed)
    places = [f"f{i}" for i in range(150)]
    links = {place: random.sample(places, random.randint(0, 2)) for place in places}
    blocked = set(random.sample(places, 30))
    named = set(random.sample(places, 3))
    for place, parents in links.items():
        for parent in parents:
            relations.put(fact(f"folder:{place}#parent@folder:{parent}"))
    for place in blocked:
        relations.put(fact(f"folder:{place}#blocked@user:ann"))
    for place in named:
        relations.put(fact(f"folder:{place}#safe_reader@user:ann"))

    held: set[str] = set()
    for _ in places:
        held |= {p for p in places if p in named or held & set(links[p])} - blocked

    assert {p for p in places if ask(relations, f"folder:{p}#safe_reader@user:ann")} == held
    found = relations.resources("user", "ann", "folder", "safe_reader", now_s=NOW_S)
    assert found == (held, set())


def test_a_lattice_of_links_is_not_walked_path_by_path(relations: Relations) -> None:
    for layer in range(40):
        for here in "ab":
            for there in "ab":
                relations.put(fact(f"folder:{here}{layer}#parent@folder:{there}{layer + 1}"))
                relations.put(fact(f"folder:{here}{layer + 1}#parent@folder:{there}{layer}"))

    assert ask(relations, "folder:a0#safe_reader@user:ann") is None
    assert ask(relations, "folder:a0#reader@user:ann") is None


@pytest.mark.parametrize(
    "refused",
    [
        fact("lead:1#shared@user:*"),
        fact("lead:1#shared@user:ann"),
        fact("lead:1#owner@user:*"),
        fact("lead:1#owner@user:ann", condition="in_hours"),
        fact("lead:1#owner@team:a#member"),
        fact("lead:1#reader@user:ann"),
        fact("lead:1#owner@robot:r2"),
        fact("lead:*#owner@user:ann"),
        fact("team:a#member@team:*#member"),
        fact("lead:1#owner@user:ann", context={"hour": 1}),
        fact("lead:1#owner@user:ann", until_s=float("nan")),
    ],
    ids=str,
)
def test_a_fact_that_the_model_does_not_allow_is_refused(
    relations: Relations, refused: Fact
) -> None:
    with pytest.raises(FactRefused) as caught:
        relations.put(refused)

    assert ":ann" not in str(caught.value)
    assert not list(relations.facts())


def test_a_stored_argument_of_the_wrong_type_is_refused(relations: Relations) -> None:
    with pytest.raises(BadValue):
        relations.put(fact("lead:1#shared@user:ann", condition="in_hours", context={"hour": "9"}))


def test_an_unknown_relation_is_refused_by_every_question(relations: Relations) -> None:
    with pytest.raises(UnknownRelation):
        relations.checker("lead", "emperor")
    with pytest.raises(UnknownRelation):
        relations.put(fact("lead:1#emperor@user:ann"))
    with pytest.raises(UnknownRelation):
        relations.resources("user", "ann", "robot", "owner", now_s=NOW_S)


def test_the_same_question_in_another_context_has_its_own_answer(relations: Relations) -> None:
    relations.put(fact("lead:1#shared@user:ann", condition="in_hours"))

    assert ask(relations, "lead:1#reader@user:ann", {"hour": 10})
    assert ask(relations, "lead:1#reader@user:ann", {"hour": 20}) is None
    assert ask(relations, "lead:1#reader@user:ann") == Missing(frozenset({"hour"}))


@pytest.mark.parametrize(
    ("banned_until_s", "context", "expected"),
    [
        (None, {"hour": 10}, "no"),
        (None, {"hour": 20}, "yes"),
        (None, None, "open"),
        (NOW_S, None, "yes"),
    ],
)
def test_an_exclusion_that_is_open_leaves_the_answer_open(
    relations: Relations,
    banned_until_s: float | None,
    context: dict[str, Any] | None,
    expected: str,
) -> None:
    relations.put(fact("lead:1#owner@user:ann"))
    relations.put(fact("lead:1#banned@user:ann", condition="in_hours", until_s=banned_until_s))

    answer = ask(relations, "lead:1#editor@user:ann", context)

    found = "open" if isinstance(answer, Missing) else "yes" if answer else "no"
    assert found == expected


def test_an_open_part_does_not_open_what_another_part_refuses(relations: Relations) -> None:
    relations.put(fact("lead:1#shared@user:*", condition="in_hours"))
    relations.put(fact("lead:1#owner@user:ann"))

    assert ask(relations, "lead:1#both@user:bo") is None
    assert ask(relations, "lead:1#both@user:ann") == Missing(frozenset({"hour"}))
    assert len(facts_of(ask(relations, "lead:1#both@user:ann", {"hour": 9}))) == 2


def test_everyone_is_reported_beside_those_who_are_named(relations: Relations) -> None:
    relations.put(fact("folder:a#reader@user:ann"))
    relations.put(fact("folder:a#parent@folder:b"))
    assert relations.subjects("folder", "a", "reader", subject_type="user", now_s=NOW_S) == (
        *({"ann"}, set(), False),
    )

    relations.put(fact("folder:b#reader@user:*"))

    assert relations.subjects("folder", "a", "reader", subject_type="user", now_s=NOW_S) == (
        *({"ann"}, set(), True),
    )


def test_a_fact_put_again_replaces_the_one_with_its_key(relations: Relations) -> None:
    relations.put(fact("lead:1#owner@user:ann", until_s=NOW_S))
    relations.put(fact("lead:1#owner@user:ann", seq=2))

    assert [each.seq for each in relations.facts()] == [2]
    assert ask(relations, "lead:1#owner@user:ann").seq == 2


def test_removing_what_is_not_there_is_harmless(relations: Relations) -> None:
    relations.put(fact("lead:1#owner@user:ann"))

    for absent in ("lead:1#owner@user:bo", "lead:2#owner@user:ann", "robot:1#x@robot:2"):
        relations.remove(fact(absent))

    assert len(list(relations.facts())) == 1


def test_facts_are_found_by_any_of_their_parts(relations: Relations) -> None:
    for text in ("lead:1#owner@user:ann", "lead:2#owner@user:ann", "user:ann#manager@user:bo"):
        relations.put(fact(text))

    def found(**parts: str) -> set[str]:
        return {str(each) for each in relations.facts(**parts)}

    assert len(found()) == 3
    assert found(resource_type="lead", subject_id="ann") == {
        "lead:1#owner@user:ann",
        "lead:2#owner@user:ann",
    }
    assert found(resource_id="1") == {"lead:1#owner@user:ann"}
    assert found(relation="manager", subject_type="user") == {"user:ann#manager@user:bo"}
    assert found(resource_id="2", subject_id="ann") == {"lead:2#owner@user:ann"}
    assert found(resource_id="2", subject_id="bo") == set()


def test_a_relation_expands_into_its_rule_with_live_facts(relations: Relations) -> None:
    owner = fact("lead:1#owner@user:ann")
    relations.put(owner)
    relations.put(fact("lead:1#shared@user:bo", condition="in_hours", until_s=NOW_S))

    assert relations.expand("lead", "1", "reader", now_s=NOW_S) == Tree(
        "union",
        parts=(
            Tree("computed", "owner"),
            Tree("computed", "supervisor"),
            Tree("computed", "shared"),
        ),
    )
    assert relations.expand("lead", "1", "owner", now_s=NOW_S) == Tree("direct", facts=(owner,))
    assert relations.expand("lead", "1", "supervisor", now_s=NOW_S) == Tree(
        "via", "superior from owner", (owner,)
    )
    assert relations.expand("lead", "1", "shared", now_s=NOW_S) == Tree("direct")


def test_ids_differ_by_every_byte(relations: Relations) -> None:
    relations.put(fact("lead:Lead#owner@user:Ann"))

    assert ask(relations, "lead:lead#owner@user:Ann") is None
    assert ask(relations, "lead:Lead#owner@user:ann") is None
    assert ask(relations, "lead:Lead#owner@user:Ann")


def test_the_name_of_everyone_is_nobody_where_only_people_are_named(relations: Relations) -> None:
    relations.put(fact("lead:1#owner@user:ann"))

    assert ask(relations, f"lead:1#owner@user:{EVERYONE}") is None
