"""The default policy, role by role: what the sources say of each is what the engine answers."""

import pytest
from accesskit.changes import DevicePut, FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.policy import Policy
from permissions.policies import default_policy

NOW_S = 1_790_000_000.0
DAY_S = 86_400.0
SERVICES = ("lead-intake", "identity", "assignment", "notification", "reporting", "engagement")
SERVICES += ("finance", "leadctl")
ROLES = {
    "rep": "salesperson",
    "other-rep": "salesperson",
    "boss": "supervisor",
    "other-boss": "supervisor",
    "head": "director",
    "governor": "governance_officer",
    "clerk": "finance_clerk",
    "security": "security_officer",
    "operator": "operator",
    "auditor": "auditor",
    "steward": "data_steward",
    "marketing": "marketing_head",
}


@pytest.fixture(scope="module")
def engine():
    """Rep `rep` under `boss`; their fresh customer `c-1`, locked `c-2`, and `c-3` in the pool."""
    engine = Engine()
    facts = [Fact("role", role, "member", "user", person) for person, role in ROLES.items()]
    facts += [
        Fact("user", "rep", "manager", "user", "boss"),
        Fact("user", "rep", "stage_editor", "user", "rep"),
        Fact("follow_up", "f-1", "about", "customer", "c-1"),
        Fact("customer", "c-4", "asked", "lead", "l-1"),
        Fact("follow_up", "f-1", "author", "user", "rep"),
        Fact("deal", "d-1", "about", "customer", "c-1"),
        Fact("report", "r-1", "author", "user", "rep"),
    ]
    ages_days = {"c-1": 1, "c-2": 31}
    engine.apply(
        [
            PolicyPut(1, default_policy(), "live"),
            *(PrincipalPut(person, "user", "active", 1) for person in ROLES),
            *(PrincipalPut(service, "service", "active", 1) for service in SERVICES),
            *(FactPut(fact) for fact in facts),
            *(
                LeasePut("customer", id_, "rep", NOW_S - days * DAY_S, version=1)
                for id_, days in ages_days.items()
            ),
            LeasePut("customer", "c-3", "", NOW_S, version=1),
            LeasePut("lead", "l-1", "rep", NOW_S, version=1),
            DevicePut("phone", "rep", "registered"),
        ],
        revision=1,
    )
    assert engine.refused_facts == []
    return engine


def ask(engine, subject, action, resource, **given):
    type_, _, id_ = resource.partition(":")
    return engine.decide(Question(subject, action, type_, id_, **given), now_s=NOW_S)


ALLOWED = [
    # PM-01, PM-06, PM-07: own customers with their history, and the pool's.
    ("rep", "read_history", "customer:c-1"),
    ("rep", "edit", "customer:c-1"),
    ("rep", "follow_up", "customer:c-1"),
    ("rep", "read", "customer:c-2"),
    # Whoever may read a lead may read the customer who made it.
    ("rep", "read", "customer:c-4"),
    ("boss", "read", "customer:c-4"),
    ("marketing", "create", "tag:any"),
    ("steward", "merge", "customer:c-1"),
    ("rep", "check_duplicate", "customer:any"),
    ("other-rep", "read_history", "customer:c-3"),
    ("other-rep", "claim", "customer:c-3"),
    # What lies in the pool is listed without naming a lead.
    ("rep", "list_pool", "lead:any"),
    ("boss", "list_pool", "lead:any"),
    ("leadctl", "list_pool", "lead:any"),
    ("rep", "edit", "follow_up:f-1"),
    # PM-02: the whole stream of one's people.
    ("boss", "watch_stream", "customer:c-1"),
    ("boss", "read", "follow_up:f-1"),
    ("boss", "hand_over", "customer:c-2"),
    ("boss", "unlock", "customer:c-2"),
    # PM-01: a director sees all.
    ("head", "read", "customer:c-1"),
    ("head", "read", "follow_up:f-1"),
    # PM-09: the right to move stages is a fact of its own.
    ("rep", "change_stage", "customer:c-1"),
    ("clerk", "read", "deal:d-1"),
    ("security", "offboard", "user:rep"),
    ("operator", "operate", "platform:assignment"),
    ("auditor", "read", "audit_log:permissions"),
    ("governor", "edit", "policy:permissions"),
    ("assignment", "hand_over", "customer:c-1"),
    ("engagement", "report_follow_up", "customer:c-1"),
    ("reporting", "read", "lead:any"),
    ("notification", "co_sign", "audit_log:permissions"),
]
DENIED = [
    ("clerk", "list_pool", "lead:any", "no_role"),
    ("other-rep", "read", "customer:c-1", "no_relation"),
    ("other-rep", "read", "customer:c-4", "no_relation"),
    # ID-19: tags are made by few.
    ("rep", "create", "tag:any", "no_role"),
    ("rep", "merge", "customer:c-1", "no_role"),
    ("other-rep", "edit", "customer:c-1", "no_relation"),
    ("other-rep", "claim", "customer:c-1", "not_in_pool"),
    # PM-03: the lock.
    ("rep", "edit", "customer:c-2", "lease_over"),
    ("rep", "follow_up", "customer:c-2", "lease_over"),
    ("rep", "change_stage", "customer:c-2", "lease_over"),
    # PM-02: a supervisor edits no customer.
    ("boss", "edit", "customer:c-1", "denied_by_rule"),
    ("boss", "tag", "customer:c-1", "denied_by_rule"),
    ("other-boss", "read", "customer:c-1", "no_relation"),
    # PM-01: a director edits no follow-up.
    ("head", "edit", "follow_up:f-1", "denied_by_rule"),
    ("head", "edit", "customer:c-1", "no_role"),
    # PM-13: nobody has more than their work asks for.
    ("operator", "read", "customer:c-1", "no_role"),
    ("auditor", "read", "customer:c-1", "no_role"),
    ("security", "read", "customer:c-1", "no_role"),
    ("governor", "read", "customer:c-1", "no_role"),
    ("auditor", "erase", "audit_log:permissions", "no_role"),
    ("lead-intake", "edit", "lead:any", "no_role"),
    ("reporting", "administer", "platform:assignment", "no_role"),
    ("rep", "vote", "approval:a-1", "no_role"),
]


@pytest.mark.parametrize(("subject", "action", "resource"), ALLOWED)
def test_a_role_may_do_its_work(engine, subject, action, resource):
    decision = ask(engine, subject, action, resource)

    assert decision.outcome is Outcome.ALLOW, decision.reason


@pytest.mark.parametrize(("subject", "action", "resource", "reason"), DENIED)
def test_a_role_may_do_no_more_than_its_work(engine, subject, action, resource, reason):
    decision = ask(engine, subject, action, resource)

    assert (decision.outcome, decision.reason) == (Outcome.DENY, reason)


def test_the_amount_of_a_deal_is_written_by_finance_alone(engine):
    fields = ("deal_amount",)

    assert ask(engine, "finance", "edit", "deal:d-1", fields=fields).outcome is Outcome.ALLOW
    assert ask(engine, "finance", "edit", "customer:c-1", fields=fields).outcome is Outcome.ALLOW
    assert ask(engine, "rep", "edit", "deal:d-1", fields=fields).reason == "field_locked"
    assert ask(engine, "rep", "edit", "customer:c-1", fields=fields).reason == "field_locked"
    assert ask(engine, "finance", "edit", "deal:d-1", fields=("title",)).outcome is Outcome.DENY
    assert ask(engine, "rep", "edit", "deal:d-1", fields=("title",)).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("subject", "action", "resource", "template"),
    [
        ("rep", "delete", "customer:c-1", "delete_customer"),
        ("rep", "export", "customer:c-1", "export_data"),
        ("rep", "export", "report:r-1", "export_data"),
        ("governor", "publish", "mapping:m-1", "publish_configuration"),
        ("governor", "publish", "rule:r-1", "publish_configuration"),
        ("governor", "publish", "contract:k-1", "publish_configuration"),
        ("operator", "publish", "webhook_account:w-1", "publish_configuration"),
        ("governor", "publish", "policy:2", "publish_policy"),
        ("head", "grant", "role:supervisor", "grant_role"),
        ("security", "rotate", "key:audit", "rotate_key"),
        ("security", "register", "device:d-1", "register_device"),
    ],
)
def test_a_sensitive_action_waits_for_its_approval(engine, subject, action, resource, template):
    without = ask(engine, subject, action, resource)
    type_, _, id_ = resource.partition(":")
    question = Question(subject, action, type_, id_, approval_id="a-1")
    approved = engine.decide(question, now_s=NOW_S, approved=frozenset({"a-1"}))

    assert (without.reason, without.approval) == ("approval_required", template)
    assert approved.outcome is Outcome.ALLOW
    assert "step-up" in [duty.kind for duty in approved.obligations]


def test_people_work_from_a_registered_device_and_read_from_anywhere(engine):
    anywhere = Circumstances(address="192.0.2.7")
    phone = Circumstances(address="192.0.2.7", device_id="phone")

    refused = ask(engine, "rep", "edit", "customer:c-1", circumstances=anywhere)
    assert refused.reason == "untrusted_device"
    for action, given in (("edit", phone), ("read", anywhere)):
        decision = ask(engine, "rep", action, "customer:c-1", circumstances=given)
        assert decision.outcome is Outcome.ALLOW


def test_every_role_has_a_chinese_and_an_english_title():
    policy = Policy.parse(default_policy())

    assert policy.roles["salesperson"].zh == "销售"
    assert all(role.zh and role.en for role in policy.roles.values())
