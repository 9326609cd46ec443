"""An index that facts were put into and removed from, one by one and asked in between, equals one built afresh."""

from __future__ import annotations

from itertools import product
from typing import Any

from accesskit.facts import EVERYONE, Fact
from accesskit.language import parse_model
from accesskit.relations import Relations
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from servicekit.testing.thoroughness import rounds

MODEL = parse_model("""
model
  schema 1.1
type user
  relations
    define manager: [user]
    define superior: manager or superior from manager
type team
  relations
    define member: [user, user:*, team#member]
type lead
  relations
    define owner: [user]
    define shared: [user, team#member]
    define parent: [lead]
    define hidden: [user]
    define supervisor: superior from owner
    define seer: owner or supervisor or shared or hidden
    define reader: (owner or shared or reader from parent) but not hidden
""")
KINDS = (
    ("user", "manager", "user", ""),
    ("team", "member", "user", ""),
    ("team", "member", "team", "member"),
    ("lead", "owner", "user", ""),
    ("lead", "shared", "team", "member"),
    ("lead", "parent", "lead", ""),
    ("lead", "hidden", "user", ""),
)
IDS = ("a", "b", "c", "d")


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Any fact of the model, live until one of a few times."""
    resource_type, relation, subject_type, subject_relation = draw(st.sampled_from(KINDS))
    is_open = (relation, subject_type) == ("member", "user")
    return Fact(
        *(resource_type, draw(st.sampled_from(IDS)), relation, subject_type),
        draw(st.sampled_from((*IDS, EVERYONE) if is_open else IDS)),
        subject_relation=subject_relation,
        until_s=draw(st.sampled_from((None, None, 10.0, 20.0))),
        seq=draw(st.integers(0, 9)),
    )


class Incremental(RuleBasedStateMachine):
    """Puts, removals and questions at any time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.relations = Relations(MODEL)
        self.stated: dict[tuple[str, ...], Fact] = {}

    @rule(fact=facts())
    def put(self, fact: Fact) -> None:
        """State a fact, or state it anew."""
        self.relations.put(fact)
        self.stated[fact.key] = fact

    @rule(fact=facts())
    def remove(self, fact: Fact) -> None:
        """Remove a fact that may be there."""
        self.relations.remove(fact)
        self.stated.pop(fact.key, None)

    @rule(data=st.data())
    def remove_what_is_stated(self, data: Any) -> None:
        """Remove a fact that is there."""
        if self.stated:
            self.remove(data.draw(st.sampled_from(list(self.stated.values()))))

    @rule(now_s=st.sampled_from((5.0, 15.0, 25.0)))
    def every_question_has_the_answer_of_a_fresh_index(self, now_s: float) -> None:
        """Ask everything, and ask an index built now."""
        fresh = Relations(MODEL)
        for fact in self.stated.values():
            fresh.put(fact)
        for node, subject_id in product(MODEL.rewrites, IDS):
            ours, theirs = self.relations.checker(*node), fresh.checker(*node)
            proven = set()
            for resource_id in IDS:
                asked = (resource_id, "user", subject_id, now_s, None)
                found = ours(*asked)
                assert (found is None) == (theirs(*asked) is None), (node, asked)
                proven |= set() if found is None else {resource_id}
            # Searching goes from the subject to resources, by none of the code of the checks.
            assert proven == self.relations.resources("user", subject_id, *node, now_s=now_s)[0]
            assert self.relations.resources("user", subject_id, *node, now_s=now_s) == (
                fresh.resources("user", subject_id, *node, now_s=now_s)
            )

    @invariant()
    def every_fact_is_there_once(self) -> None:
        """The index lists what was stated and not removed."""
        found = list(self.relations.facts())
        assert len(found) == len(self.stated)
        assert all(self.stated[fact.key] == fact for fact in found)


Incremental.TestCase.settings = settings(
    max_examples=rounds(12, long=400), stateful_step_count=rounds(20, long=40), deadline=None
)
TestIncremental = Incremental.TestCase


def test_a_union_that_begins_with_the_owner_holds_for_whoever_any_part_holds() -> None:
    # Given every selection of facts by which somebody could see a lead
    possible = (
        Fact("lead", "l", "owner", "user", "a"),
        Fact("lead", "l", "owner", "user", "b", until_s=10.0),
        Fact("user", "a", "manager", "user", "d"),
        Fact("lead", "l", "shared", "user", "c"),
        Fact("lead", "l", "shared", "team", "t", "member"),
        Fact("team", "t", "member", "user", "e"),
        Fact("lead", "l", "hidden", "user", "f"),
    )
    for choice in product((False, True), repeat=len(possible)):
        relations = Relations(MODEL)
        for fact, is_chosen in zip(possible, choice, strict=True):
            if is_chosen:
                relations.put(fact)

        # When each is checked twice, the second time with what the first has kept
        for now_s, subject_id in product((5.0, 5.0, 15.0), "abcdef"):
            found = relations.checker("lead", "seer")("l", "user", subject_id, now_s, None)

            # Then the search from the other side agrees
            held, _ = relations.resources("user", subject_id, "lead", "seer", now_s=now_s)
            assert (found is not None) == ("l" in held), (choice, subject_id, now_s)
