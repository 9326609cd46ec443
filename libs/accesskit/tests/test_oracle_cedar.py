"""The CRM's default policy, decided three times: by the engine, by Cedar, and by a plain reading of the sources."""

import itertools
import random

import cedarpy
from accesskit.changes import FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.decisions import Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from hypothesis import given, settings
from hypothesis import strategies as st
from permissions.policies import default_policy
from servicekit.testing.thoroughness import rounds

NOW_S = 1_790_000_000
DAY_S = 86_400
USERS = tuple(f"u{number}" for number in range(7))
LEADS = tuple(f"l{number}" for number in range(6))
ROLES = ("salesperson", "supervisor", "director", "operator")
ACTIONS = ("read", "read_history", "edit", "tag", "follow_up", "change_stage", "hand_over")
ACTIONS += ("watch_stream", "claim", "unlock", "share", "protect")
CEDAR = """
permit(principal, action in [Action::"read", Action::"read_history"], resource)
when {
  principal.roles.contains("salesperson") && (
    (resource has owner && resource.owner in principal) || resource.viewers.contains(principal) ||
    resource.collaborators.contains(principal) || principal.roles.containsAny(resource.viewer_roles)
  )
};
permit(
  principal,
  action in [
    Action::"edit", Action::"tag", Action::"follow_up", Action::"protect", Action::"share",
    Action::"hand_over"
  ],
  resource
) when {
  principal.roles.contains("salesperson") &&
  resource has owner && resource.owner == principal && context.now < resource.touched + 2592000
};
permit(principal, action in [Action::"follow_up", Action::"tag"], resource)
when {
  principal.roles.contains("salesperson") && resource.collaborators.contains(principal) &&
  resource has owner && context.now < resource.touched + 2592000
};
permit(principal, action == Action::"change_stage", resource)
when {
  principal.roles.contains("salesperson") &&
  resource has owner && context.now < resource.touched + 2592000 &&
  (resource.stage_editors.contains(principal) || resource.owner.stage_editors.contains(principal))
};
permit(principal, action in [Action::"read", Action::"read_history", Action::"claim"], resource)
when {
  principal.roles.contains("salesperson") && (
    !(resource has owner) ||
    (context.now >= resource.touched + 3196800 &&
      (resource.owner != principal || context.now >= resource.touched + 3801600))
  )
};
permit(
  principal,
  action in [
    Action::"read", Action::"read_history", Action::"watch_stream", Action::"hand_over",
    Action::"unlock", Action::"share"
  ],
  resource
) when {
  principal.roles.contains("director") || (
    principal.roles.contains("supervisor") &&
    resource has owner && resource.owner != principal && resource.owner in principal
  )
};
forbid(principal, action in [Action::"edit", Action::"tag", Action::"change_stage"], resource)
when { principal.roles.contains("supervisor") };
forbid(principal, action, resource) unless { principal.is_active };
"""


class World:
    """Random people and leads; managers come before their people, so that Cedar's hierarchy has no cycle."""

    def __init__(self, seed):
        chance = random.Random(seed)
        self.active = {user: chance.random() < 0.9 for user in USERS}
        self.roles = {user: {r for r in ROLES if chance.random() < 0.35} for user in USERS}
        self.managers = {
            user: {m for m in USERS[:index] if chance.random() < 0.3}
            for index, user in enumerate(USERS)
        }
        self.owner = {lead: chance.choice([*USERS, None]) for lead in LEADS}
        ages = [0, 22, 29, 30, 36, 37, 43, 44, 80]
        self.touched = {lead: NOW_S - chance.choice(ages) * DAY_S for lead in LEADS}
        self.viewers = self._pairs(chance, LEADS)
        self.collaborators = self._pairs(chance, LEADS)
        self.stage_editors = self._pairs(chance, (*LEADS, *USERS))
        self.viewer_roles = {lead: {r for r in ROLES if chance.random() < 0.1} for lead in LEADS}

    def _pairs(self, chance, things):
        return {thing: {u for u in USERS if chance.random() < 0.15} for thing in things}

    def engine(self):
        """An engine that holds this world under the default policy."""
        engine = Engine()
        engine.apply([PolicyPut(1, default_policy(), "live"), *self._changes()], revision=1)
        assert engine.refused_facts == []
        return engine

    def _changes(self):
        for user in USERS:
            status = "active" if self.active[user] else "departed"
            yield PrincipalPut(user, "user", status, 1)
        for lead in LEADS:
            yield LeasePut("lead", lead, self.owner[lead] or "", self.touched[lead], version=1)
        for fact in self._facts():
            yield FactPut(fact)

    def _facts(self):
        for user in USERS:
            yield from (Fact("role", role, "member", "user", user) for role in self.roles[user])
            yield from (Fact("user", user, "manager", "user", m) for m in self.managers[user])
            yield from (
                Fact("user", user, "stage_editor", "user", e) for e in self.stage_editors[user]
            )
        for lead in LEADS:
            yield from (Fact("lead", lead, "viewer", "user", u) for u in self.viewers[lead])
            yield from (
                Fact("lead", lead, "viewer", "role", r, "member") for r in self.viewer_roles[lead]
            )
            yield from (
                Fact("lead", lead, "collaborator", "user", u) for u in self.collaborators[lead]
            )
            yield from (
                Fact("lead", lead, "stage_editor", "user", u) for u in self.stage_editors[lead]
            )

    def entities(self):
        """This world as Cedar's entities."""
        users = [
            {
                "uid": _uid("User", user),
                "attrs": {
                    "is_active": self.active[user],
                    "roles": sorted(self.roles[user]),
                    "stage_editors": _refs("User", self.stage_editors[user]),
                },
                "parents": [_uid("User", manager) for manager in self.managers[user]],
            }
            for user in USERS
        ]
        return users + [self._lead_entity(lead) for lead in LEADS]

    def _lead_entity(self, lead):
        attributes = {
            "touched": self.touched[lead],
            "viewers": _refs("User", self.viewers[lead]),
            "viewer_roles": sorted(self.viewer_roles[lead]),
            "collaborators": _refs("User", self.collaborators[lead]),
            "stage_editors": _refs("User", self.stage_editors[lead]),
        }
        if self.owner[lead]:
            attributes["owner"] = {"__entity": _uid("User", self.owner[lead])}
        return {"uid": _uid("Lead", lead), "attrs": attributes, "parents": []}


def _uid(type_, id_):
    return {"type": type_, "id": id_}


def _refs(type_, ids):
    return [{"__entity": _uid(type_, id_)} for id_ in sorted(ids)]


def superiors(world, user):
    found, edge = set(), {user}
    while edge:
        edge = set().union(*(world.managers[person] for person in edge)) - found
        found |= edge
    return found


LEADING = {"read", "read_history", "watch_stream", "hand_over", "unlock", "share"}
OWNED = {"edit", "tag", "follow_up", "protect", "share", "hand_over"}


def oracle(world, user, action, lead):
    """What the sources say, rule by rule, without a model, an index or a plan."""
    roles, owner = world.roles[user], world.owner[lead]
    if not world.active[user]:
        return False
    if "supervisor" in roles and action in {"edit", "tag", "change_stage"}:
        return False
    above = superiors(world, owner) if owner else set()
    leads = "director" in roles or ("supervisor" in roles and user in above)
    sells = "salesperson" in roles and may_as_salesperson(world, user, action, lead)
    return (leads and action in LEADING) or sells


def may_as_salesperson(world, user, action, lead):
    owner = world.owner[lead]
    age = (NOW_S - world.touched[lead]) / DAY_S
    is_held = owner is not None and age < 30
    in_pool = owner is None or (age >= 37 and (owner != user or age >= 44))
    helps = user in world.collaborators[lead]
    shared = user in world.viewers[lead] or bool(world.roles[user] & world.viewer_roles[lead])
    knows = owner is not None and (user == owner or user in superiors(world, owner))
    moves = user in world.stage_editors[lead] or user in world.stage_editors.get(owner, ())
    return (
        (action in {"read", "read_history"} and (knows or helps or shared or in_pool))
        or (action == "claim" and in_pool)
        or (action == "change_stage" and is_held and moves)
        or (action in {"follow_up", "tag"} and is_held and helps)
        or (action in OWNED and is_held and user == owner)
    )


QUESTIONS = tuple(itertools.product(USERS, ACTIONS, LEADS))


def by_engine(world):
    engine = world.engine()
    return [
        engine.decide(Question(user, action, "lead", lead), now_s=NOW_S).outcome is Outcome.ALLOW
        for user, action, lead in QUESTIONS
    ]


def by_cedar(world):
    requests = [
        {
            "principal": _uid("User", user),
            "action": _uid("Action", action),
            "resource": _uid("Lead", lead),
            "context": {"now": NOW_S},
        }
        for user, action, lead in QUESTIONS
    ]
    results = cedarpy.is_authorized_batch(requests, CEDAR, world.entities())
    assert not any(result.diagnostics.errors for result in results)
    return [result.allowed for result in results]


def differences(first, second):
    return [q for q, a, b in zip(QUESTIONS, first, second, strict=True) if a != b]


@settings(max_examples=rounds(25, long=500), deadline=None)
@given(st.integers(0, 2**32))
def test_the_engine_decides_as_a_plain_reading_of_the_policy_does(seed):
    world = World(seed)

    assert differences(by_engine(world), [oracle(world, *question) for question in QUESTIONS]) == []


@settings(max_examples=rounds(12, long=250), deadline=None)
@given(st.integers(0, 2**32))
def test_the_engine_decides_as_cedar_does(seed):
    world = World(seed)

    assert differences(by_engine(world), by_cedar(world)) == []


def test_the_worlds_hold_allows_and_denials_of_every_action():
    seen = {
        (action, oracle(world, user, action, lead))
        for world in map(World, range(20))
        for user, action, lead in QUESTIONS
    }

    assert seen == set(itertools.product(ACTIONS, (True, False)))
