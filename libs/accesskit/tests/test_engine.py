"""The order of a decision, its three values, and what changes do to it."""

import pytest
from accesskit.changes import (
    DevicePut,
    FactPut,
    FactRemoved,
    LeasePut,
    NetworkPut,
    PolicyPut,
    PrincipalPut,
    SessionRevoked,
)
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.policy import DAY_S

NOW_S = 1_790_000_000.0
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
      define viewer: [user, user with in_office]
      define banned: [user, user with in_office]
  type key
  condition in_office(hour: int) { hour >= 9 && hour < 18 }
roles:
  sales: {zh: 销售, en: Sales}
  boss: {zh: 总监, en: Director}
  guard: {zh: 安全, en: Security}
services: [finance]
reading: [read]
rules:
  - {id: reads, roles: [sales], on: lead, as: owner, actions: [read]}
  - {id: works, roles: [sales], on: lead, as: owner, lease: true, actions: [edit, delete]}
  - {id: claims, roles: [sales], on: lead, lease: pool, actions: [claim]}
  - {id: views, on: lead, as: viewer, actions: [read]}
  - {id: boss_reads, roles: [boss], on: lead, actions: [read]}
  - {id: boss_edits, roles: [boss], on: lead, actions: [edit]}
  - {id: banned, effect: deny, on: lead, as: banned, actions: [read, edit]}
  - {id: by_day, roles: [boss], on: key, when: in_office, actions: [open]}
  - {id: never_by_day, effect: deny, roles: [guard], on: key, when: in_office, actions: [seal]}
  - {id: seals, roles: [guard], on: key, actions: [seal]}
  - {id: amount, principals: [finance], on: lead, fields: [amount], actions: [edit]}
  - {id: renames, roles: [boss], on: lead, actions: [rename]}
  - {id: not_the_code, effect: deny, on: lead, fields: [code], actions: [rename]}
  - {id: copies, roles: [boss], on: lead, actions: [copy], obligations: [{kind: watermark, text: id}]}
fields:
  - {on: lead, field: amount, write: [finance]}
  - {on: lead, field: card, read: [guard], mask: true}
  - {on: lead, field: salary, read: [guard]}
lease: {on: [lead]}
approvals:
  - {id: two_eyes, on: lead, actions: [delete], steps: [{group: line, roles: [boss]}]}
guard: {roles: [sales], actions_elsewhere: [read]}
"""
BASE = (
    PolicyPut(1, POLICY, "live"),
    PrincipalPut("ana", "user", "active", 3),
    PrincipalPut("bo", "user", "active", 1),
    PrincipalPut("lead-bo", "user", "active", 1),
    PrincipalPut("cy", "user", "active", 1),
    PrincipalPut("finance", "service", "active", 1),
    FactPut(Fact("role", "sales", "member", "user", "ana", seq=4)),
    FactPut(Fact("role", "sales", "member", "user", "bo")),
    FactPut(Fact("role", "boss", "member", "user", "lead-bo")),
    FactPut(Fact("role", "guard", "member", "user", "cy")),
    LeasePut("lead", "l1", "ana", NOW_S, version=1, seq=7),
)


def an_engine(*changes):
    engine = Engine()
    engine.apply([*BASE, *changes], revision=1)
    return engine


def decide(engine, subject, action, resource="lead:l1", *, at_days=0.0, approved=(), **given):
    type_, _, id_ = resource.partition(":")
    question = Question(subject, action, type_, id_, **given)
    return engine.decide(question, now_s=NOW_S + at_days * DAY_S, approved=frozenset(approved))


def reason(*args, **given):
    return decide(*args, **given).reason


def test_the_owner_is_allowed_with_the_fact_and_its_entry_as_proof():
    decision = decide(an_engine(), "ana", "edit")

    assert decision.outcome is Outcome.ALLOW
    assert (decision.rule, str(decision.proof), decision.proof.seq) == (
        "works",
        "lead:l1#owner@user:ana",
        7,
    )


@pytest.mark.parametrize(
    ("subject", "action", "resource", "expected"),
    [
        ("nobody", "read", "lead:l1", "unknown_subject"),
        ("ana", "read", "ghost:l1", "unknown_type"),
        ("ana", "fly", "lead:l1", "unknown_action"),
        ("cy", "claim", "lead:l1", "no_role"),
        ("bo", "edit", "lead:l1", "no_relation"),
        ("bo", "edit", "lead:unheard", "no_relation"),
        ("bo", "claim", "lead:l1", "not_in_pool"),
        ("finance", "edit", "lead:l1", "fields_required"),
        ("lead-bo", "read", "lead:l\u202e1", "bad_name"),
        ("lead-bo", "read", "lead:l\x001", "bad_name"),
        ("lead-bo", "read", "lead:", "bad_name"),
        ("ana", "delete", "lead:l1", "approval_required"),
    ],
)
def test_a_denial_gives_its_reason(subject, action, resource, expected):
    decision = decide(an_engine(), subject, action, resource)

    assert (decision.outcome, decision.reason) == (Outcome.DENY, expected)


def test_without_a_policy_nothing_is_allowed():
    assert reason(Engine(), "ana", "read") == "no_policy"


@pytest.mark.parametrize("status", ["suspended", "departed"])
def test_who_is_not_at_work_may_do_nothing(status):
    engine = an_engine(PrincipalPut("ana", "user", status, 4))

    assert reason(engine, "ana", "read") == status


def test_a_token_of_an_older_epoch_is_void():
    engine = an_engine()

    assert reason(engine, "ana", "read", circumstances=Circumstances(epoch=2)) == "stale_epoch"
    assert reason(engine, "ana", "read", circumstances=Circumstances(epoch=3)) == "allowed"


def test_a_revoked_session_is_void_until_it_is_forgotten():
    engine = an_engine(SessionRevoked("s1", NOW_S + 60))
    circumstances = Circumstances(session_id="s1")

    assert reason(engine, "ana", "read", circumstances=circumstances) == "session_revoked"
    engine.forget_ended_sessions(now_s=NOW_S + 59)
    assert reason(engine, "ana", "read", circumstances=circumstances) == "session_revoked"
    engine.forget_ended_sessions(now_s=NOW_S + 60)
    assert reason(engine, "ana", "read", circumstances=circumstances) == "allowed"


@pytest.mark.parametrize(
    ("circumstances", "expected"),
    [
        (Circumstances(), "untrusted_device"),
        (Circumstances(device_id="phone"), "allowed"),
        (Circumstances(device_id="new-phone"), "untrusted_device"),
        (Circumstances(device_id="bo-phone"), "untrusted_device"),
        (Circumstances(address="10.1.2.3"), "allowed"),
        (Circumstances(address="::ffff:10.1.2.3"), "allowed"),
        (Circumstances(address="010.1.2.3"), "untrusted_device"),
        (Circumstances(address="192.0.2.1", device_id="phone"), "allowed"),
        (Circumstances(address="10.1.2.3", device_id="new-phone"), "allowed"),
    ],
)
def test_people_work_from_their_registered_device_or_a_trusted_network(circumstances, expected):
    engine = an_engine(
        DevicePut("phone", "ana", "registered"),
        DevicePut("new-phone", "ana", "pending"),
        DevicePut("bo-phone", "bo", "registered"),
        NetworkPut("10.0.0.0/8", "office"),
    )

    assert reason(engine, "ana", "edit", circumstances=circumstances) == expected
    assert reason(engine, "ana", "read", circumstances=circumstances) == "allowed"


def test_a_deny_wins_over_every_allow():
    engine = an_engine(FactPut(Fact("lead", "l1", "banned", "user", "ana")))
    decision = decide(engine, "ana", "edit")

    assert (decision.outcome, decision.rule) == (Outcome.DENY, "banned")


@pytest.mark.parametrize(
    ("context", "expected"),
    [(None, Outcome.CONDITIONAL), ({"hour": 10}, Outcome.ALLOW), ({"hour": 20}, Outcome.DENY)],
)
def test_a_rule_whose_condition_lacks_context_is_neither_allow_nor_deny(context, expected):
    decision = decide(an_engine(), "lead-bo", "open", "key:k1", context=context)

    assert decision.outcome is expected
    assert decision.missing == ({"hour"} if context is None else frozenset())


@pytest.mark.parametrize(
    ("context", "expected"),
    [(None, Outcome.CONDITIONAL), ({"hour": 10}, Outcome.DENY), ({"hour": 20}, Outcome.ALLOW)],
)
def test_a_deny_that_cannot_be_told_never_lets_an_allow_through(context, expected):
    assert decide(an_engine(), "cy", "seal", "key:k1", context=context).outcome is expected


def test_a_deny_that_cannot_be_told_leaves_a_denial_a_denial():
    fact = Fact("lead", "l1", "banned", "user", "bo", condition="in_office")

    assert decide(an_engine(FactPut(fact)), "bo", "edit").outcome is Outcome.DENY


def test_a_condition_of_a_fact_makes_the_answer_conditional():
    fact = Fact("lead", "l1", "viewer", "user", "bo", condition="in_office")
    engine = an_engine(FactPut(fact))

    assert decide(engine, "bo", "read").outcome is Outcome.CONDITIONAL
    assert decide(engine, "bo", "read", context={"hour": 9}).outcome is Outcome.ALLOW
    assert decide(engine, "bo", "read", context={"hour": 18}).outcome is Outcome.DENY


def test_questions_that_differ_only_in_context_get_their_own_answers():
    fact = Fact("lead", "l1", "viewer", "user", "bo", condition="in_office")
    engine = an_engine(FactPut(fact))
    contexts = [{"hour": 10}, {"hour": 20}, None, {"hour": 10}]

    outcomes = [decide(engine, "bo", "read", context=context).outcome for context in contexts]

    allow, deny, open_ = Outcome.ALLOW, Outcome.DENY, Outcome.CONDITIONAL
    assert outcomes == [allow, deny, open_, allow]


@pytest.mark.parametrize(
    ("subject", "action", "fields", "expected"),
    [
        ("finance", "edit", ("amount",), "allowed"),
        ("finance", "edit", ("amount", "name"), "field_locked"),
        ("ana", "edit", ("name",), "allowed"),
        ("ana", "edit", ("name", "amount"), "field_locked"),
        ("ana", "read", ("salary",), "field_hidden"),
        ("ana", "read", ("amount",), "allowed"),
        ("ana", "read", ("card",), "allowed"),
    ],
)
def test_a_field_has_one_source(subject, action, fields, expected):
    assert reason(an_engine(), subject, action, fields=fields) == expected


def test_what_may_not_be_read_or_written_is_said_along_with_an_allow():
    engine = an_engine()

    [masked] = decide(engine, "ana", "read", fields=("card", "name")).obligations
    [unnamed] = decide(engine, "ana", "read").obligations
    [kept] = decide(engine, "ana", "edit").obligations

    assert (masked.kind, masked.details) == ("mask", {"fields": "card"})
    assert (unnamed.kind, unnamed.details) == ("mask", {"fields": "card,salary"})
    assert (kept.kind, kept.details) == ("keep", {"fields": "amount"})


def test_fields_that_a_rule_denies_are_forbidden_named_or_not():
    engine = an_engine()

    assert reason(engine, "lead-bo", "rename", fields=("code",)) == "denied_by_rule"
    assert reason(engine, "lead-bo", "rename", fields=("title",)) == "allowed"
    [kept] = decide(engine, "lead-bo", "rename").obligations
    assert kept.details == {"fields": "amount,code"}


def test_a_rules_obligations_come_with_its_allow():
    [first, *_] = decide(an_engine(), "lead-bo", "copy").obligations

    assert (first.kind, first.details) == ("watermark", {"text": "id"})


def test_a_sensitive_action_needs_an_approval_that_the_caller_has_verified():
    engine = an_engine()

    assert decide(engine, "ana", "delete").approval == "two_eyes"
    assert reason(engine, "ana", "delete", approval_id="a1") == "approval_invalid"
    allowed = decide(engine, "ana", "delete", approval_id="a1", approved={"a1"})
    assert allowed.outcome is Outcome.ALLOW
    assert "step-up" in [obligation.kind for obligation in allowed.obligations]


def test_an_approval_gives_nobody_a_right_they_lack():
    engine = an_engine()

    assert reason(engine, "bo", "delete", approval_id="a1", approved={"a1"}) == "no_relation"


@pytest.mark.parametrize(
    ("at_days", "expected"), [(0, "allowed"), (29.99, "allowed"), (30, "lease_over")]
)
def test_the_owner_works_until_the_lease_is_read_only(at_days, expected):
    engine = an_engine()

    assert reason(engine, "ana", "edit", at_days=at_days) == expected
    assert reason(engine, "ana", "read", at_days=at_days) == "allowed"


@pytest.mark.parametrize(
    ("subject", "at_days", "expected"),
    [
        ("bo", 36, "not_in_pool"),
        ("bo", 37, "allowed"),
        ("ana", 37, "cooling_down"),
        ("ana", 44, "allowed"),
    ],
)
def test_the_pool_begins_when_the_lease_is_over_even_before_a_sweep(subject, at_days, expected):
    assert reason(an_engine(), subject, "claim", at_days=at_days) == expected


def test_a_new_owner_takes_the_old_ones_rights():
    engine = an_engine(LeasePut("lead", "l1", "bo", NOW_S, version=2, seq=9))

    assert reason(engine, "ana", "edit") == "no_relation"
    assert decide(engine, "bo", "edit").proof.seq == 9


def test_an_owner_stated_as_a_plain_fact_is_kept_without_effect():
    fact = Fact("lead", "l1", "owner", "user", "bo")
    engine = an_engine(FactPut(fact))

    assert reason(engine, "bo", "edit") == "no_relation"
    assert [refused.fact for refused in engine.refused_facts] == [fact]


def test_a_role_ends_with_its_fact_and_not_before():
    until_s = NOW_S + DAY_S
    engine = an_engine(FactPut(Fact("role", "boss", "member", "user", "bo", until_s=until_s)))

    assert reason(engine, "bo", "read", at_days=0.9) == "allowed"
    assert reason(engine, "bo", "read", at_days=1) == "no_relation"
    assert reason(engine, "bo", "read", at_days=0.9) == "allowed"


def test_a_role_taken_away_is_gone_at_once():
    engine = an_engine()
    assert reason(engine, "lead-bo", "read") == "allowed"

    engine.apply([FactRemoved(Fact("role", "boss", "member", "user", "lead-bo"))], revision=2)

    assert reason(engine, "lead-bo", "read") == "no_relation"
    assert engine.revision == 2
