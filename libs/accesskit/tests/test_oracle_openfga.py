"""Random models and facts, answered by the compiled index, by a brute-force fixpoint, and by OpenFGA itself."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from accesskit.decisions import Missing, facts_of
from accesskit.facts import EVERYONE, Fact
from accesskit.language import BadModel, Model, parse_model, to_dsl
from accesskit.language.model import (
    Computed,
    Direct,
    Exclusion,
    Intersection,
    Relation,
    Restriction,
    Rewrite,
    Union,
    Via,
    leaves_of,
    parts_of,
)
from accesskit.language.validation import validate_model
from accesskit.relations import Relations
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from servicekit.testing.thoroughness import rounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

FGA = Path(sysconfig.get_path("scripts")) / "fga"
NOW_S = 100.0
IDS = ("a", "b", "c")
USERS = ("ann", "bo", "cy")
NO, OPEN, YES = 0, 1, 2

SEED = """
model
  schema 1.1
type user
type team
  relations
    define member: [user, user:*, team#member]
type folder
  relations
    define parent: [folder]
    define owner: [user, team#member]
type doc
  relations
    define parent: [folder, doc]
    define owner: [user with small, user, team#member]
condition small(x: int) {
  x < 3
}
"""


@dataclass(frozen=True)
class World:
    """A valid model, facts that it allows, and a request's context."""

    model: Model
    facts: tuple[Fact, ...]
    context: dict[str, Any]

    @property
    def relations(self) -> Relations:
        """The index of this world."""
        relations = Relations(self.model)
        for fact in self.facts:
            relations.put(fact)
        return relations

    @property
    def nodes(self) -> list[tuple[str, str]]:
        """Every (type, relation)."""
        return list(self.model.rewrites)


class Invent:
    """Draws models and facts; what is not valid is drawn again."""

    def __init__(
        self, random: Random, *, has_conditions: bool = True, is_monotone: bool = False
    ) -> None:
        self._random = random
        self._has_conditions = has_conditions
        self._is_monotone = is_monotone

    def model(self) -> Model:
        """The seed with up to three more relations for each type, some of them defined anew at the end."""
        model = parse_model(SEED)
        for type_name, name in product(("team", "folder", "doc"), ("r1", "r2", "r3")):
            model = self._with(model, type_name, name)
        for _ in range(4):
            type_name = self._random.choice(("team", "folder", "doc"))
            model = self._with(model, type_name, self._random.choice(("r1", "r2")))
        return model

    def facts(self, model: Model) -> tuple[Fact, ...]:
        """Up to 25 facts; expired ones and cycles among them."""
        kinds = [
            (node, restriction)
            for node, rewrite in model.rewrites.items()
            for leaf in leaves_of(rewrite)
            if isinstance(leaf, Direct)
            for restriction in leaf.restrictions
        ]
        chosen = [self._random.choice(kinds) for _ in range(self._random.randint(0, 25))]
        facts = [self._fact(node, restriction) for node, restriction in chosen]
        return tuple({fact.key: fact for fact in facts}.values())

    def _with(self, model: Model, type_name: str, name: str) -> Model:
        for _ in range(6):
            relation = Relation(name, self._rewrite(model, type_name, depth=2))
            candidate = _defined(model, type_name, relation)
            try:
                validate_model(candidate)
            except BadModel:
                continue
            return candidate
        return model

    def _rewrite(
        self, model: Model, type_name: str, *, depth: int, is_first: bool = True
    ) -> Rewrite:
        kind = self._random.randrange(5) if depth else 4
        if kind >= 2 + (not self._is_monotone):
            return self._leaf(model, type_name, is_first=is_first)
        first = self._rewrite(model, type_name, depth=depth - 1, is_first=is_first)
        second = self._rewrite(model, type_name, depth=depth - 1, is_first=False)
        operators = (
            Union((first, second)),
            Intersection((first, second)),
            Exclusion(first, second),
        )
        return operators[kind]

    def _leaf(self, model: Model, type_name: str, *, is_first: bool) -> Rewrite:
        if is_first and self._random.random() < 0.7:
            restrictions = {self._restriction(model) for _ in range(self._random.randint(1, 3))}
            return Direct(tuple(sorted(restrictions, key=str)))
        own = [r.name for t in model.types if t.name == type_name for r in t.relations] + [
            "r1",
            "r2",
        ]
        if self._random.random() < 0.5 and type_name != "team":
            return Via(self._random.choice(("owner", "r1", "r2", "r3")), "parent")
        return Computed(self._random.choice([name for name in own if name != "parent"]))

    def _restriction(self, model: Model) -> Restriction:
        condition = "small" if self._has_conditions and self._random.random() < 0.3 else ""
        if self._random.random() < 0.5:
            is_wildcard = self._random.random() < 0.3
            return Restriction("user", is_wildcard=is_wildcard, condition=condition)
        type_name = self._random.choice(("team", "folder"))
        names = [r.name for t in model.types if t.name == type_name for r in t.relations]
        return Restriction(
            type_name, self._random.choice([n for n in names if n != "parent"]), condition=condition
        )

    def _fact(self, node: tuple[str, str], restriction: Restriction) -> Fact:
        subject_ids = USERS if restriction.type == "user" else IDS
        x = self._random.choice((None, 1, 5))
        return Fact(
            *(node[0], self._random.choice(IDS), node[1], restriction.type),
            EVERYONE if restriction.is_wildcard else self._random.choice(subject_ids),
            subject_relation=restriction.relation,
            condition=restriction.condition,
            context={"x": x} if restriction.condition and x is not None else None,
            until_s=self._random.choice((None, None, None, NOW_S, NOW_S + 1)),
        )


def _defined(model: Model, type_name: str, relation: Relation) -> Model:
    types = tuple(
        replace(t, relations=(*(r for r in t.relations if r.name != relation.name), relation))
        if t.name == type_name
        else t
        for t in model.types
    )
    return Model(types, model.conditions)


class Oracle:
    """What holds for one subject, by trying everything until nothing changes, one level of negation after another."""

    def __init__(self, world: World, subject_id: str) -> None:
        self._world = world
        self._subject_id = subject_id
        self._rewrites = world.model.rewrites
        self.values = {(node, i): NO for node in self._rewrites for i in IDS}
        levels = self._levels()
        for level in sorted(set(levels.values())):
            places = [place for place in self.values if levels[place[0]] == level]
            while self._improve(places):
                pass

    def _improve(self, places: list[tuple[tuple[str, str], str]]) -> bool:
        has_changed = False
        for node, resource_id in places:
            value = self._value(node, self._rewrites[node], resource_id)
            has_changed = has_changed or value != self.values[node, resource_id]
            self.values[node, resource_id] = value
        return has_changed

    def _value(self, node: tuple[str, str], rewrite: Rewrite, resource_id: str) -> int:
        match rewrite:
            case Direct():
                return max((self._direct(f) for f in self._facts(node, resource_id)), default=NO)
            case Computed(relation):
                return self.values[(node[0], relation), resource_id]
            case Via(relation, link):
                linked = self._facts((node[0], link), resource_id)
                return max((self._linked(f, relation) for f in linked), default=NO)
            case Union(parts):
                return max(self._value(node, part, resource_id) for part in parts)
            case Intersection(parts):
                return min(self._value(node, part, resource_id) for part in parts)
            case Exclusion(base, minus):
                against = self._value(node, minus, resource_id)
                return min(self._value(node, base, resource_id), YES - against)

    def _facts(self, node: tuple[str, str], resource_id: str) -> Iterator[Fact]:
        for fact in self._world.facts:
            if (fact.resource_type, fact.relation) == node and fact.resource_id == resource_id:
                yield fact

    def _direct(self, fact: Fact) -> int:
        if fact.subject_relation:
            return self._linked(fact, fact.subject_relation)
        is_named = fact.subject_type == "user" and fact.subject_id in (self._subject_id, EVERYONE)
        return self._live(fact) if is_named else NO

    def _linked(self, fact: Fact, relation: str) -> int:
        held = self.values.get(((fact.subject_type, relation), fact.subject_id), NO)
        return min(held, self._live(fact))

    def _live(self, fact: Fact) -> int:
        if fact.until_s is not None and fact.until_s <= NOW_S:
            return NO
        if not fact.condition:
            return YES
        x = (self._world.context | (fact.context or {})).get("x")
        return OPEN if x is None else YES if x < 3 else NO

    def _levels(self) -> dict[tuple[str, str], int]:
        levels = dict.fromkeys(self._rewrites, 0)
        for _ in range(len(levels) ** 2):
            for node, rewrite in self._rewrites.items():
                levels[node] = max(levels[node], self._level(node, rewrite, levels))
        return levels

    def _level(
        self, node: tuple[str, str], rewrite: Rewrite, levels: dict[tuple[str, str], int]
    ) -> int:
        match rewrite:
            case Direct(restrictions):
                return max(levels[r.type, r.relation] if r.relation else 0 for r in restrictions)
            case Computed(relation):
                return levels[node[0], relation]
            case Via(relation, _):
                return max(levels.get((t, relation), 0) for t in ("folder", "doc"))
            case Exclusion(base, minus):
                below = self._level(node, minus, levels)
                return max(self._level(node, base, levels), below + 1)
            case _:
                return max(self._level(node, part, levels) for part in parts_of(rewrite))


@st.composite
def worlds(draw: st.DrawFn, **wishes: bool) -> World:
    """Random worlds; shrinks towards fewer facts."""
    invent = Invent(draw(st.randoms(use_true_random=False)), **wishes)
    model = invent.model()
    facts = invent.facts(model)
    return World(model, facts, draw(st.sampled_from([{}, {"x": 1}, {"x": 9}])))


def _rank(answer: object) -> int:
    return NO if answer is None else OPEN if isinstance(answer, Missing) else YES


RANDOM_WORLDS = settings(
    max_examples=rounds(25, long=600), deadline=None, suppress_health_check=list(HealthCheck)
)


@given(world=worlds())
@RANDOM_WORLDS
def test_every_check_equals_the_brute_force_fixpoint(world: World) -> None:
    relations = world.relations

    for user in (*USERS, "stranger"):
        oracle = Oracle(world, user)
        for (node, resource_id), expected in oracle.values.items():
            answer = relations.checker(*node)(resource_id, "user", user, NOW_S, world.context)
            assert _rank(answer) == expected, (to_dsl(world.model), node, resource_id, user)


@given(world=worlds())
@RANDOM_WORLDS
def test_a_proof_consists_of_facts_that_are_stated_and_live(world: World) -> None:
    relations = world.relations

    for node, resource_id, user in product(world.nodes, IDS, USERS):
        answer = relations.checker(*node)(resource_id, "user", user, NOW_S, world.context)
        if _rank(answer) == YES:
            proof = facts_of(answer)
            assert proof
            assert all(f in world.facts and (f.until_s or NOW_S + 1) > NOW_S for f in proof)


@given(world=worlds())
@RANDOM_WORLDS
def test_the_resources_of_a_subject_are_those_that_its_checks_allow(world: World) -> None:
    relations = world.relations

    for node, user in product(world.nodes, USERS):
        check = relations.checker(*node)
        ranks = {i: _rank(check(i, "user", user, NOW_S, world.context)) for i in IDS}
        sure, unsure = relations.resources("user", user, *node, now_s=NOW_S, context=world.context)
        assert sure == {i for i in IDS if ranks[i] == YES}
        assert unsure == {i for i in IDS if ranks[i] == OPEN}


@given(world=worlds())
@RANDOM_WORLDS
def test_the_subjects_of_a_resource_are_those_whose_checks_allow(world: World) -> None:
    relations = world.relations

    for (type_name, name), resource_id in product(world.nodes, IDS):
        check = relations.checker(type_name, name)
        sure, unsure, is_everyone = relations.subjects(
            type_name, resource_id, name, subject_type="user", now_s=NOW_S, context=world.context
        )
        others = YES if is_everyone else OPEN if EVERYONE in unsure else NO
        assert _rank(check(resource_id, "user", "stranger", NOW_S, world.context)) == others
        for user in USERS:
            rank = _rank(check(resource_id, "user", user, NOW_S, world.context))
            assert (user in sure) <= (rank == YES)
            assert (user in unsure) <= (rank == OPEN)
            assert user in sure | unsure or rank in (NO, others)


@given(
    world=worlds(is_monotone=True, has_conditions=False), random=st.randoms(use_true_random=False)
)
@RANDOM_WORLDS
def test_without_exclusion_a_further_fact_never_takes_a_relation_away(
    world: World, random: Random
) -> None:
    before = world.relations
    more = replace(world, facts=(*world.facts, *Invent(random).facts(world.model)))

    after = replace(more, facts=tuple(f for f in more.facts if f.key not in _keys(world))).relations
    for fact in world.facts:
        after.put(fact)

    for node, user in product(world.nodes, USERS):
        held = before.resources("user", user, *node, now_s=NOW_S)[0]
        assert held <= after.resources("user", user, *node, now_s=NOW_S)[0]


def _keys(world: World) -> set[tuple[str, ...]]:
    return {fact.key for fact in world.facts}


@given(world=worlds())
@RANDOM_WORLDS
def test_renaming_every_id_changes_nothing_else(world: World) -> None:
    def renamed(fact: Fact) -> Fact:
        subject_id = fact.subject_id if fact.subject_id == EVERYONE else f"小{fact.subject_id}"
        plain = {name: getattr(fact, name) for name in fact.__struct_fields__}
        ids = {"resource_id": f"小{fact.resource_id}", "subject_id": subject_id}
        return Fact(**(plain | ids))

    ours = world.relations
    theirs = replace(world, facts=tuple(renamed(fact) for fact in world.facts)).relations

    for node, user in product(world.nodes, USERS):
        expected = ours.resources("user", user, *node, now_s=NOW_S, context=world.context)
        found = theirs.resources("user", f"小{user}", *node, now_s=NOW_S, context=world.context)
        assert found == tuple({f"小{i}" for i in ids} for ids in expected)


@given(world=worlds())
@RANDOM_WORLDS
def test_a_model_written_and_read_again_is_the_same(world: World) -> None:
    assert parse_model(to_dsl(world.model)) == world.model


@pytest.mark.skipif(not FGA.exists(), reason="the OpenFGA command is a development dependency")
@given(world=worlds())
@settings(max_examples=rounds(12, long=200), deadline=None, suppress_health_check=list(HealthCheck))
def test_openfga_gives_the_same_answers(world: World, tmp_path_factory: Any) -> None:
    facts = tuple(_definite(fact) for fact in world.facts if _is_writable(fact))
    world = replace(world, facts=facts, context={"x": 1})
    relations = world.relations
    checks = [
        _check_case(relations, node, resource_id, user)
        for node, resource_id, user in product(world.nodes, IDS[:2], USERS[:2])
    ]
    lists = [_list_case(relations, node, USERS[0]) for node in world.nodes]

    results = _run_openfga(tmp_path_factory.mktemp("fga"), world, checks, lists)

    for result in (*results["check_results"], *results["list_objects_results"]):
        expected, got = result["expected"], result["got"]
        same = sorted(got) == sorted(expected) if isinstance(got, list) else got == expected
        assert same, (to_dsl(world.model), result)


def _is_writable(fact: Fact) -> bool:
    # OpenFGA knows no expiry, and refuses to write that a group's members are its members.
    is_itself = (fact.resource_type, fact.resource_id, fact.relation) == (
        *(fact.subject_type, fact.subject_id, fact.subject_relation),
    )
    return fact.until_s != NOW_S and not is_itself


def _definite(fact: Fact) -> Fact:
    plain = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return Fact(**(plain | {"until_s": None}))


def _check_case(
    relations: Relations, node: tuple[str, str], resource_id: str, user: str
) -> dict[str, Any]:
    answer = relations.checker(*node)(resource_id, "user", user, NOW_S, {"x": 1})
    return {
        "user": f"user:{user}",
        "object": f"{node[0]}:{resource_id}",
        "context": {"x": 1},
        "assertions": {node[1]: _rank(answer) == YES},
    }


def _list_case(relations: Relations, node: tuple[str, str], user: str) -> dict[str, Any]:
    sure, _ = relations.resources("user", user, *node, now_s=NOW_S, context={"x": 1})
    return {
        "user": f"user:{user}",
        "type": node[0],
        "context": {"x": 1},
        "assertions": {node[1]: [f"{node[0]}:{i}" for i in sorted(sure)]},
    }


def _tuple(fact: Fact) -> dict[str, Any]:
    subject = f"{fact.subject_type}:{fact.subject_id}"
    plain: dict[str, Any] = {
        "user": f"{subject}#{fact.subject_relation}" if fact.subject_relation else subject,
        "relation": fact.relation,
        "object": f"{fact.resource_type}:{fact.resource_id}",
    }
    if fact.condition:
        plain["condition"] = {"name": fact.condition, "context": fact.context or {}}
    return plain


def _run_openfga(
    folder: Path, world: World, checks: list[dict[str, Any]], lists: list[dict[str, Any]]
) -> Any:
    store = {
        "model": to_dsl(world.model),
        "tuples": [_tuple(fact) for fact in world.facts],
        "tests": [{"name": "random", "check": checks, "list_objects": lists}],
    }
    # JSON is YAML too.
    (folder / "random.fga.yaml").write_text(json.dumps(store), encoding="utf-8")
    done = subprocess.run(
        [FGA, "model", "test", "--tests", folder / "random.fga.yaml", "--verbose"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "no entrypoints defined" in done.stderr or "potential loop" in done.stderr:
        # OpenFGA takes a relation that it meets a second time on its way for one that nobody can enter, or a loop.
        reject()
    assert done.stdout.startswith("["), done.stderr
    return json.loads(done.stdout)[0]


INVALID = {
    "unknown type": "define a: [nobody]",
    "unknown relation": "define a: b",
    "unknown condition": "define a: [user with nothing]",
    "itself": "define a: a",
    "two that are each other": "define a: b\n    define b: a",
    "itself or a fact": "define a: [user] or a",
    "nobody first": "define a: [doc#a]",
    "nobody first through a link": "define p: [doc]\n    define a: a from p",
    "and itself through a link": "define p: [doc]\n    define a: [user] and a from p",
    "a link with everyone": "define p: [doc:*]\n    define a: [user] or a from p",
    "a link with a group": "define p: [doc#a]\n    define a: [user] or a from p",
    "a link that is computed": "define q: [doc]\n    define p: q\n    define a: [user] or a from p",
    "a link to what lacks it": "define p: [user]\n    define a: [user] or a from p",
    "twice": "define a: [user]\n    define a: [user]",
    "mixed operators": "define b: [user]\n    define a: [user] or b but not b",
    "types last": "define b: [user]\n    define a: b or [user]",
    "a reserved name": "define this: [user]",
    "no relation at all": "",
}


@pytest.mark.skipif(not FGA.exists(), reason="the OpenFGA command is a development dependency")
@pytest.mark.parametrize("definition", INVALID.values(), ids=INVALID.keys())
def test_both_refuse_a_model_that_is_not_valid(definition: str, tmp_path: Path) -> None:
    text = f"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    {definition}\n"
    (tmp_path / "model.fga").write_text(text, encoding="utf-8")

    theirs = subprocess.run(
        [FGA, "model", "validate", "--file", tmp_path / "model.fga"],
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert theirs.returncode != 0
    with pytest.raises(BadModel) as caught:
        parse_model(text)
    assert caught.value.line >= 5
