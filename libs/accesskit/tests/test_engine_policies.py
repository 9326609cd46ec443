"""Policies come and go over the same facts; snapshots and explanations tell the whole of it."""

import pytest
from accesskit.changes import (
    DevicePut,
    FactPut,
    LeasePut,
    NetworkPut,
    PolicyPut,
    PrincipalPut,
    SessionRevoked,
)
from accesskit.decisions import Outcome, Question, facts_of
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.policy import DAY_S, PolicyInvalid

NOW_S = 1_790_000_000.0
HEAD = """\
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
      define viewer: [user]
roles:
  sales: {zh: 销售, en: Sales}
  boss: {zh: 总监, en: Director}
lease: {on: [lead]}
rules:
"""
ONE = HEAD + "  - {id: owns, roles: [sales], on: lead, as: owner, lease: true, actions: [read]}\n"
TWO = HEAD + "  - {id: sees, roles: [sales], on: lead, as: viewer, actions: [read]}\n"
LED = ONE + "  - {id: leads, roles: [boss], on: lead, as: superior, actions: [read]}\n"
NO_VIEWER = ONE.replace("      define viewer: [user]\n", "")
FACTS = (
    PrincipalPut("ana", "user", "active", 1),
    PrincipalPut("bo", "user", "active", 1),
    FactPut(Fact("role", "sales", "member", "user", "ana", seq=3)),
    FactPut(Fact("role", "sales", "member", "user", "bo", seq=4)),
    FactPut(Fact("lead", "l1", "viewer", "user", "bo", seq=5)),
    LeasePut("lead", "l1", "ana", NOW_S, version=1, seq=6),
)


def an_engine(*changes):
    engine = Engine()
    engine.apply(changes, revision=1)
    return engine


def ask(subject, resource_id="l1"):
    return Question(subject, "read", "lead", resource_id)


def may_read(engine, subject, *, now_s=NOW_S):
    return engine.decide(ask(subject), now_s=now_s).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "order", [(PolicyPut(1, ONE, "live"), *FACTS), (*FACTS, PolicyPut(1, ONE, "live"))]
)
def test_facts_count_whether_they_came_before_the_policy_or_after(order):
    engine = an_engine(*order)

    assert may_read(engine, "ana")
    assert not may_read(engine, "bo")


def test_a_new_policy_decides_over_the_same_facts():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    engine.apply([PolicyPut(2, TWO, "live")], revision=2)

    assert engine.policy_version == 2
    assert not may_read(engine, "ana")
    assert may_read(engine, "bo")


def test_a_policy_that_nobody_can_read_changes_nothing():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    with pytest.raises(PolicyInvalid):
        engine.apply(
            [PrincipalPut("ana", "user", "departed", 2), PolicyPut(2, "rules:", "live")], revision=2
        )

    assert engine.revision == 1
    assert may_read(engine, "ana")


def test_a_fact_that_a_model_refuses_is_listed_and_counts_again_under_the_next():
    engine = an_engine(PolicyPut(1, NO_VIEWER, "live"), *FACTS)
    assert [str(refused.fact) for refused in engine.refused_facts] == ["lead:l1#viewer@user:bo"]

    engine.apply([PolicyPut(2, TWO, "live")], revision=2)

    assert engine.refused_facts == []
    assert may_read(engine, "bo")


def test_a_retired_policy_decides_nothing():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    engine.apply([PolicyPut(1, ONE, "retired")], revision=2)
    assert engine.decide(ask("ana"), now_s=NOW_S).reason == "no_policy"

    engine.apply([PolicyPut(2, ONE, "live")], revision=3)
    assert may_read(engine, "ana")


def test_a_candidate_is_asked_beside_the_live_policy_and_decides_nothing():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS, PolicyPut(2, TWO, "shadow"))

    live, candidate = engine.compare(ask("ana"), now_s=NOW_S)

    assert (live.outcome, candidate.outcome) == (Outcome.ALLOW, Outcome.DENY)
    assert engine.compare(ask("ana", "l9"), now_s=NOW_S) is None
    assert may_read(engine, "ana")
    assert engine.decide_shadow(ask("bo"), now_s=NOW_S).outcome is Outcome.ALLOW


def test_a_candidate_follows_the_facts_and_can_be_published_or_dropped():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS, PolicyPut(2, TWO, "shadow"))
    engine.apply([FactPut(Fact("lead", "l1", "viewer", "user", "ana"))], revision=2)
    assert engine.decide_shadow(ask("ana"), now_s=NOW_S).outcome is Outcome.ALLOW

    engine.apply([PolicyPut(2, TWO, "live")], revision=3)
    assert (engine.policy_version, engine.shadow_policy) == (2, None)

    engine.apply([PolicyPut(3, ONE, "shadow"), PolicyPut(3, ONE, "retired")], revision=4)
    assert engine.decide_shadow(ask("ana"), now_s=NOW_S) is None


def test_a_snapshot_makes_an_engine_that_answers_alike():
    engine = an_engine(
        PolicyPut(1, NO_VIEWER, "live"),
        *FACTS,
        PolicyPut(2, TWO, "shadow"),
        DevicePut("phone", "ana", "registered"),
        NetworkPut("10.0.0.0/8", "office"),
        SessionRevoked("s1", NOW_S + 60),
    )
    changes = list(engine.snapshot())

    copy = an_engine(*changes)

    assert set(map(repr, copy.snapshot())) == set(map(repr, changes))
    assert may_read(copy, "ana")
    assert copy.decide_shadow(ask("bo"), now_s=NOW_S) == engine.decide_shadow(
        ask("bo"), now_s=NOW_S
    )
    assert len(copy.refused_facts) == 1


def test_a_cycle_in_the_org_chart_ends_and_gives_nobody_more():
    engine = an_engine(
        PolicyPut(1, LED, "live"),
        *FACTS,
        FactPut(Fact("role", "boss", "member", "user", "bo")),
        FactPut(Fact("role", "boss", "member", "user", "cy")),
        PrincipalPut("cy", "user", "active", 1),
        FactPut(Fact("user", "ana", "manager", "user", "bo")),
        FactPut(Fact("user", "bo", "manager", "user", "ana")),
    )

    assert may_read(engine, "bo")
    assert not may_read(engine, "cy")


def test_an_explanation_of_an_allow_holds_the_path_with_its_entries():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    explanation = engine.explain(ask("ana"), now_s=NOW_S)

    assert explanation.decision == engine.decide(ask("ana"), now_s=NOW_S)
    assert [(str(fact), fact.seq) for fact in explanation.path] == [
        ("role:sales#member@user:ana", 3),
        ("lead:l1#owner@user:ana", 6),
    ]
    assert (explanation.revision, explanation.policy_version) == (1, 1)
    assert explanation.remedies == ()


def test_an_explanation_of_a_denial_says_what_was_tried_and_what_would_help():
    engine = an_engine(PolicyPut(1, LED, "live"), *FACTS)

    explanation = engine.explain(ask("bo"), now_s=NOW_S)

    assert explanation.tried == (("owns", "no_relation:owner"), ("leads", "no_role:boss"))
    assert explanation.remedies == (
        "ask_owner: user:ana since entry 6",
        f"lease: active since {NOW_S:.0f}",
        "need_relation: owner",
        "need_role: boss",
    )


def test_a_locked_owner_learns_since_when():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    explanation = engine.explain(ask("ana"), now_s=NOW_S + 31 * DAY_S)

    assert explanation.tried == (("owns", "lease_over"),)
    assert f"lease: readonly since {NOW_S + 30 * DAY_S:.0f}" in explanation.remedies


def test_the_lease_is_seen_as_it_stands():
    engine = an_engine(PolicyPut(1, ONE, "live"), *FACTS)

    seen = engine.lease("lead", "l1", now_s=NOW_S + 24 * DAY_S)

    assert (seen.owner_id, seen.state.value, seen.readonly_at_s) == (
        "ana",
        "notice",
        NOW_S + 30 * DAY_S,
    )
    assert engine.lease("lead", "l9", now_s=NOW_S) is None


def test_a_superior_is_proven_by_the_whole_chain():
    engine = an_engine(
        PolicyPut(1, LED, "live"),
        *FACTS,
        FactPut(Fact("role", "boss", "member", "user", "bo")),
        FactPut(Fact("user", "ana", "manager", "user", "mid")),
        FactPut(Fact("user", "mid", "manager", "user", "bo")),
    )

    proof = engine.decide(ask("bo"), now_s=NOW_S).proof

    assert [str(fact) for fact in facts_of(proof)] == [
        "lead:l1#owner@user:ana",
        "user:ana#manager@user:mid",
        "user:mid#manager@user:bo",
    ]
