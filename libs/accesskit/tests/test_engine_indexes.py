"""What the engine keeps in order as changes come equals what it would find by looking through everything."""

from __future__ import annotations

import math
from typing import Any

import pytest
from accesskit.changes import (
    Change,
    FactPut,
    FactRemoved,
    LeasePut,
    NetworkPut,
    PolicyPut,
    PrincipalPut,
)
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.engine import Engine
from accesskit.engine.due import DueTimes
from accesskit.facts import Fact
from accesskit.policy import DAY_S
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from servicekit.testing.thoroughness import rounds

POLICY = """\
model: |
  model
    schema 1.1
  type user
    relations
      define manager: [user]
      define superior: manager or superior from manager
  type service
  type role
    relations
      define member: [user, service]
  type lead
    relations
      define owner: [user]
      define superior: superior from owner
      define viewer: [user, role#member]
      define reader: owner or superior or viewer
  type note
    relations
      define author: [user]
      define superior: superior from author
      define reader: author or superior
roles:
  sales: {zh: 销售, en: Sales}
  boss: {zh: 总监, en: Director}
services: []
reading: [read]
rules:
  - {id: reads, roles: [sales], on: [lead, note], as: reader, actions: [read]}
  - {id: works, roles: [sales], on: lead, as: owner, lease: true, actions: [edit]}
  - {id: helps, roles: [sales], on: lead, as: viewer, lease: true, actions: [edit]}
  - {id: sees_pool, roles: [sales], on: lead, lease: pool, actions: [read, claim]}
  - {id: sees, roles: [boss], on: [lead, note], actions: [read]}
lease: {on: [lead]}
guard: {roles: [boss], actions_elsewhere: []}
"""
NOW_S = 1_790_000_000.0
STARTED_S = NOW_S - 40 * DAY_S
USERS = ("ana", "bo", "cy")
LEADS = tuple(f"l{number}" for number in range(5))
ACTIONS = ("read", "edit", "claim")
MOMENTS = st.sampled_from([math.nan, -math.inf, math.inf, *map(float, range(8))])
FIRST: tuple[Change, ...] = (
    PolicyPut(1, POLICY, "live"),
    *(PrincipalPut(user, "user", "active", 1) for user in USERS),
    FactPut(Fact("role", "sales", "member", "user", "ana")),
    FactPut(Fact("role", "sales", "member", "user", "bo")),
    FactPut(Fact("role", "boss", "member", "user", "cy")),
)


class Due(RuleBasedStateMachine):
    """Moments that are put and moved, asked about at times that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.times = DueTimes()
        self.at_s: dict[str, float] = {}

    @rule(id_=st.sampled_from(LEADS), at_s=MOMENTS)
    def put(self, id_: str, at_s: float) -> None:
        """State the id's moment, the first time or anew."""
        self.times.put(id_, at_s)
        self.at_s[id_] = at_s

    @rule(now_s=st.sampled_from([-1.0, 0.0, 2.0, 3.5, 7.0, 9.0]))
    def what_is_due_is_what_has_come(self, now_s: float) -> None:
        """Compare with every moment there is."""
        due = self.times.due(now_s)
        assert sorted(due) == sorted(id_ for id_, at_s in self.at_s.items() if at_s <= now_s)
        over = {id_ for id_, at_s in self.at_s.items() if not at_s > now_s}
        assert over <= self.times.passed


class Kept(RuleBasedStateMachine):
    """Leases, shares, notes and managers come, move and go, with questions in between at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.engine.apply(FIRST, revision=1)

    @rule(
        lead=st.sampled_from(LEADS),
        owner=st.sampled_from([*USERS, ""]),
        day=st.integers(0, 40),
        is_exempt=st.booleans(),
    )
    def put_lease(self, lead: str, owner: str, day: int, *, is_exempt: bool) -> None:
        """A lease begins, is touched, or changes hands."""
        touched_at_s = STARTED_S + day * DAY_S
        self._apply(LeasePut("lead", lead, owner, touched_at_s, 1, is_exempt=is_exempt))

    @rule(id_=st.sampled_from(LEADS), user=st.sampled_from(USERS), is_put=st.booleans())
    def share(self, id_: str, user: str, *, is_put: bool) -> None:
        """A lead is shared with somebody, or no longer; also one that nobody has a lease of."""
        self._state(Fact("lead", id_, "viewer", "user", user), is_put=is_put)

    @rule(id_=st.sampled_from(["n1", "n2"]), user=st.sampled_from(USERS), is_put=st.booleans())
    def write_note(self, id_: str, user: str, *, is_put: bool) -> None:
        """A note of a type without leases has an author, or has none any more."""
        self._state(Fact("note", id_, "author", "user", user), is_put=is_put)

    @rule(one=st.sampled_from(USERS), other=st.sampled_from(USERS), is_put=st.booleans())
    def manage(self, one: str, other: str, *, is_put: bool) -> None:
        """Somebody is managed by somebody, in a circle perhaps."""
        self._state(Fact("user", one, "manager", "user", other), is_put=is_put)

    @rule(day=st.integers(0, 90), user=st.sampled_from(USERS))
    def every_list_is_that_of_an_engine_built_now(self, day: int, user: str) -> None:
        """Ask for lists, pages and filters, and ask one question at a time an engine that was never asked before."""
        now_s = STARTED_S + day * DAY_S
        for type_, ids in (("lead", LEADS), ("note", ("n1", "n2"))):
            for action in ACTIONS:
                fresh = Engine()
                fresh.apply(self.engine.snapshot(), revision=1)
                decisions = self.engine.decide_all(user, action, type_, ids, now_s=now_s)
                asked = [Question(user, action, type_, id_) for id_ in ids]
                assert decisions == [self.engine.decide(each, now_s=now_s) for each in asked]
                expected = [fresh.decide(each, now_s=now_s) for each in asked]
                assert [d.outcome for d in decisions] == [d.outcome for d in expected]
                assert [d.reason for d in decisions] == [d.reason for d in expected]
                page = self.engine.lookup(user, action, type_, now_s=now_s)
                known = self._known(type_)
                allowed = [
                    i for i, d in zip(ids, expected, strict=True) if i in known and _is_yes(d)
                ]
                assert list(page.ids) == allowed
                first = self.engine.lookup(user, action, type_, now_s=now_s, limit=1)
                last_id = first.ids[-1] if first.ids else ""
                rest = self.engine.lookup(user, action, type_, now_s=now_s, after_id=last_id)
                assert first.ids + rest.ids == page.ids
                assert first.complete == (len(page.ids) <= 1)

    def _apply(self, change: Change) -> None:
        self.engine.apply([change], revision=self.engine.revision + 1)

    def _state(self, fact: Fact, *, is_put: bool) -> None:
        self._apply(FactPut(fact) if is_put else FactRemoved(fact))

    def _known(self, type_: str) -> set[str]:
        leases = {c.resource_id for c in self.engine.snapshot() if isinstance(c, LeasePut)}
        facts = {fact.resource_id for fact in self.engine.facts() if fact.resource_type == type_}
        return facts | leases if type_ == "lead" else facts


def _is_yes(decision: Any) -> bool:
    return decision.outcome is Outcome.ALLOW


Due.TestCase.settings = settings(
    max_examples=rounds(20, long=800), stateful_step_count=rounds(20, long=40), deadline=None
)
TestDue = Due.TestCase
Kept.TestCase.settings = settings(
    max_examples=rounds(12, long=300), stateful_step_count=rounds(20, long=40), deadline=None
)
TestKept = Kept.TestCase


def test_many_moments_that_move_leave_nothing_behind() -> None:
    # Given moments that were put in order once
    times = DueTimes()
    for number in range(10):
        times.put(f"l{number}", 100.0)
    times.advance(0.0)

    # When one of them moves on again and again
    for at_s in range(101, 5_101):
        times.put("l0", float(at_s))

    # Then it is due at its last moment only
    assert sorted(times.due(5_099.0)) == [f"l{number}" for number in range(1, 10)]
    assert len(times.due(5_100.0)) == 10


@pytest.mark.parametrize(("address", "is_trusted"), [("10.1.2.3", True), ("192.0.2.7", False)])
def test_lists_and_filters_heed_the_circumstances_as_a_decision_does(
    *, address: str, is_trusted: bool
) -> None:
    # Given a director who may work only from a trusted network
    engine = Engine()
    engine.apply(FIRST, revision=1)
    engine.apply(
        [LeasePut("lead", "l1", "ana", NOW_S, 1), NetworkPut("10.0.0.0/8", "office")], revision=2
    )
    given = Circumstances(address=address)

    # When everything is asked from one place
    decision = engine.decide(Question("cy", "read", "lead", "l1", circumstances=given), now_s=NOW_S)
    page = engine.lookup("cy", "read", "lead", now_s=NOW_S, circumstances=given)
    predicate = engine.filter("cy", "read", "lead", now_s=NOW_S, circumstances=given)
    subjects = engine.lookup_subjects("read", "lead", "l1", now_s=NOW_S, circumstances=given)

    # Then each says the same
    assert (decision.outcome is Outcome.ALLOW) == is_trusted
    assert ("l1" in page.ids) == is_trusted
    assert predicate.is_everything == is_trusted
    assert ("cy" in subjects.ids) == is_trusted
    assert "ana" in subjects.ids
