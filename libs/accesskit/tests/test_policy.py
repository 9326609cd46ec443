"""A policy document means one thing, or is refused with the path of its fault."""

from contextlib import suppress

import pytest
from accesskit.policy import EffectiveFollowUp, FollowUp, Policy, PolicyInvalid
from hypothesis import given
from hypothesis import strategies as st

MODEL = """\
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
  type key
  condition in_office(hour: int) { hour >= 9 && hour < 18 }
roles:
  sales: {zh: 销售, en: Sales}
  boss: {zh: 总监, en: Director}
services: [finance]
reading: [read]
lease: {on: [lead]}
"""


def document(*lines):
    return MODEL + "\n".join(lines or ("rules: []",)) + "\n"


def fault(text):
    with pytest.raises(PolicyInvalid) as caught:
        Policy.parse(text)
    return caught.value.path


def test_the_words_on_and_yes_stay_words():
    policy = Policy.parse(
        document(
            "rules:", "  - {id: works, roles: [sales], on: lead, actions: [on, yes], as: owner}"
        )
    )

    assert policy.rules[0].on == ("lead",)
    assert policy.rules[0].actions == ("on", "yes")


def test_a_star_names_every_type_of_the_model():
    policy = Policy.parse(
        document("rules:", "  - {id: all, roles: [boss], on: '*', actions: [read]}")
    )

    assert policy.rules[0].on == ("key", "lead", "role", "service", "user")


def test_lease_true_means_while_it_is_held():
    policy = Policy.parse(
        document("rules:", "  - {id: w, on: lead, as: owner, lease: true, actions: [edit]}")
    )

    assert policy.rules[0].lease == "held"


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (["rules:", "  - {id: a, on: lead}"], "rules[0]"),
        (["rules:", "  - {id: a, on: lead, actions: []}"], "rules[0].actions"),
        (["rules:", "  - {id: a, on: lead, actions: [x], colour: red}"], "rules[0]"),
        (["rules:", "  - {id: a, on: ghost, actions: [x]}"], "rules[0].on"),
        (["rules:", "  - {id: a, on: lead, actions: [x], roles: [ghost]}"], "rules[0].roles"),
        (["rules:", "  - {id: a, on: lead, actions: [x], principals: [x]}"], "rules[0].principals"),
        (["rules:", "  - {id: a, on: lead, actions: [x], as: ghost}"], "rules[0].as"),
        (["rules:", "  - {id: a, on: lead, actions: [x], when: ghost}"], "rules[0].when"),
        (["rules:", "  - {id: a, on: key, actions: [x], lease: true}"], "rules[0].lease"),
        (
            ["rules:", "  - {id: a, effect: deny, on: lead, actions: [x], lease: true}"],
            "rules[0].lease",
        ),
        (
            ["rules:", "  - {id: a, on: key, actions: [x]}", "  - {id: a, on: key, actions: [y]}"],
            "rules[1].id",
        ),
        (["rules: []", "fields:", "  - {on: lead, field: price}"], "fields[0]"),
        (
            ["rules: []", "fields:", "  - {on: lead, field: price, write: [ghost]}"],
            "fields.lead.price.write",
        ),
        (["rules: []", "guard: {roles: [ghost], actions_elsewhere: []}"], "guard.roles"),
        (
            [
                "rules: []",
                "approvals:",
                "  - {id: a, on: lead, actions: [x], steps: [{group: g, roles: [sales]}]}",
                "  - {id: b, on: '*', actions: [x], steps: [{group: g, roles: [boss]}]}",
            ],
            "approvals[1]",
        ),
        (["rules: []", "exports: {page_rows: 2001}"], "exports.page_rows"),
    ],
)
def test_a_fault_is_named_by_its_path(lines, path):
    assert fault(document(*lines)) == path


def test_a_key_given_twice_is_refused():
    assert fault(document("rules: []", "rules: []")).startswith("line ")


def test_anchors_are_refused_so_that_no_document_can_explode():
    assert fault("a: &a [x, x]\nb: [*a, *a]\n").startswith("line ")


def test_a_depth_bomb_is_refused():
    assert fault("[" * 1000 + "]" * 1000).startswith("line ")


def test_what_is_not_yaml_is_refused_with_its_line():
    assert fault("roles: {\n").startswith("line ")
    assert fault("just words") == "document"


def test_a_model_that_does_not_parse_is_a_fault_of_the_model():
    assert fault(document().replace("define owner: [user]", "define owner: [ghost]")) == "model"


def test_an_owner_under_lease_is_a_user_and_nothing_else():
    of_lead = "define owner: [user]\n      define superior: superior from owner"

    assert fault(document().replace(of_lead, "define owner: [user, role#member]")) == "lease.on"


def test_a_role_cannot_depend_on_anything_but_a_plain_fact():
    assert fault(document().replace("[user, service]", "[user with in_office, service]")) == "model"


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_refused_as_one(text):
    with suppress(PolicyInvalid):
        assert Policy.parse(text).rules


@pytest.mark.parametrize(
    ("follow_up", "is_effective"),
    [
        (FollowUp(), False),
        (FollowUp(call_s=90), False),
        (FollowUp(call_s=90, forms=1), True),
        (FollowUp(call_s=89.9, forms=1), False),
        (FollowUp(attachments=1, customer_messages=3), True),
        (FollowUp(attachments=1, customer_messages=2), False),
        (FollowUp(has_geofenced_visit=True, customer_messages=9), True),
    ],
)
def test_a_follow_up_is_effective_by_any_two_signals(follow_up, is_effective):
    assert EffectiveFollowUp().is_met_by(follow_up) is is_effective
