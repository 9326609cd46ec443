"""Whatever way a question is turned around, the answer is the same: check, batch, lookup, filter and explanation."""

import asyncio
import random

import asyncpg
import pytest
from accesskit.changes import FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.decisions import Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.policy import DAY_S

NOW_S = 1_790_000_000.0
DATABASE_TIMEOUT_S = 10.0
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
      define viewer: [user, user:*, role#member, user with in_office]
      define guest: viewer but not banned
      define banned: [user, user with in_office]
  condition in_office(hour: int) { hour >= 9 && hour < 18 }
roles:
  sales: {zh: 销售, en: Sales}
  boss: {zh: 总监, en: Director}
  chief: {zh: 主管, en: Supervisor}
services: []
reading: [read]
rules:
  - {id: reads, roles: [sales], on: lead, as: owner, actions: [read]}
  - {id: guests, on: lead, as: guest, actions: [read]}
  - {id: leads, roles: [chief], on: lead, as: superior, actions: [read, move]}
  - {id: works, roles: [sales], on: lead, as: owner, lease: true, actions: [edit, move]}
  - {id: helps, roles: [sales], on: lead, as: viewer, lease: true, actions: [edit]}
  - {id: claims, roles: [sales], on: lead, lease: pool, actions: [claim, read]}
  - {id: boss_edits, roles: [boss], on: lead, lease: true, actions: [edit]}
  - {id: boss_reads, roles: [boss], on: lead, when: in_office, actions: [read]}
  - {id: boss_moves, roles: [boss], on: lead, actions: [move]}
  - {id: banned, effect: deny, on: lead, as: banned, actions: [edit, move]}
  - {id: chief_edits_none, effect: deny, roles: [chief], on: lead, actions: [edit]}
  - {id: not_by_day, effect: deny, roles: [boss], on: lead, when: in_office, actions: [move]}
  - {id: not_below, effect: deny, on: lead, as: superior, actions: [claim]}
lease: {on: [lead]}
"""
USERS = ("ana", "bo", "cy", "dee", "eve")
LEADS = tuple(f"l{number}" for number in range(8))
ACTIONS = ("read", "edit", "move", "claim")
CONTEXTS = (None, {"hour": 10}, {"hour": 20})


def a_world(seed):
    """Random people, an org chart that may have cycles, leases of every age, shares and bans."""
    chance = random.Random(seed)
    changes = [PolicyPut(1, POLICY, "live")]
    for user in USERS:
        status = chance.choice(["active"] * 9 + ["departed"])
        changes.append(PrincipalPut(user, "user", status, 1, is_test=chance.random() < 0.1))
        changes += [
            FactPut(Fact("role", role, "member", "user", user, until_s=_until_s(chance)))
            for role in ("sales", "boss", "chief")
            if chance.random() < 0.4
        ]
        if chance.random() < 0.7:
            changes.append(FactPut(Fact("user", user, "manager", "user", chance.choice(USERS))))
    for lead in LEADS:
        changes.append(_a_lease(chance, lead))
        changes += [FactPut(fact) for fact in _shares(chance, lead)]
    return changes


def _until_s(chance):
    return chance.choice([None, None, NOW_S, NOW_S + 1])


def _a_lease(chance, lead):
    return LeasePut(
        "lead",
        lead,
        chance.choice([*USERS, *USERS, ""]),
        NOW_S - chance.choice([0, 24, 29.9, 30, 36, 37, 50]) * DAY_S,
        version=1,
        suspended_until_s=chance.choice([0, 0, 0, NOW_S + DAY_S]),
        is_exempt=chance.random() < 0.1,
        former_owner_id=chance.choice(["", "ana", "bo"]),
        cool_until_s=NOW_S + chance.choice([-1, 1]),
    )


def _shares(chance, lead):
    for relation in ("viewer", "banned"):
        for user in USERS:
            if chance.random() < 0.15:
                condition = chance.choice(["", "in_office"])
                yield Fact("lead", lead, relation, "user", user, condition=condition)
    if chance.random() < 0.1:
        yield Fact("lead", lead, "viewer", "user", "*")
    if chance.random() < 0.2:
        yield Fact("lead", lead, "viewer", "role", "sales", "member")


def an_engine(seed):
    engine = Engine()
    engine.apply(a_world(seed), revision=1)
    assert engine.refused_facts == []
    return engine


def answers(engine, user, action, context):
    return {
        lead: engine.decide(Question(user, action, "lead", lead, context), now_s=NOW_S)
        for lead in LEADS
    }


def ids(decisions, outcome):
    return sorted(id_ for id_, decision in decisions.items() if decision.outcome is outcome)


def every_question():
    return [(user, action, context) for user in USERS for action in ACTIONS for context in CONTEXTS]


@pytest.mark.parametrize("seed", range(12))
def test_a_lookup_holds_exactly_what_checks_allow(seed):
    engine = an_engine(seed)

    for user, action, context in every_question():
        decisions = answers(engine, user, action, context)
        page = engine.lookup(user, action, "lead", now_s=NOW_S, context=context)

        assert page.complete
        assert list(page.ids) == ids(decisions, Outcome.ALLOW), (user, action, context)
        assert list(page.conditional) == ids(decisions, Outcome.CONDITIONAL), (user, action)


@pytest.mark.parametrize("seed", range(6))
def test_batches_and_explanations_decide_as_checks_do(seed):
    engine = an_engine(seed)

    for user, action, context in every_question():
        decisions = answers(engine, user, action, context)
        batch = engine.decide_all(user, action, "lead", LEADS, now_s=NOW_S, context=context)

        assert batch == list(decisions.values())
        for lead in LEADS:
            question = Question(user, action, "lead", lead, context)
            assert engine.explain(question, now_s=NOW_S).decision == decisions[lead]


@pytest.mark.parametrize("seed", range(6))
def test_the_subjects_of_a_resource_are_those_whom_checks_allow(seed):
    engine = an_engine(seed)
    counted = [user for user in USERS if not engine.principal(user).is_test]

    for action in ACTIONS:
        for lead in LEADS:
            page = engine.lookup_subjects(action, "lead", lead, now_s=NOW_S)
            decisions = {user: answers(engine, user, action, None)[lead] for user in counted}
            assert list(page.ids) == ids(decisions, Outcome.ALLOW)
            assert list(page.conditional) == ids(decisions, Outcome.CONDITIONAL)


async def test_a_filter_selects_the_rows_that_checks_allow(database_url):
    async with asyncio.timeout(DATABASE_TIMEOUT_S):
        connection = await asyncpg.connect(database_url)
    try:
        for seed in range(12):
            engine = an_engine(seed)
            await _store_rows(connection, engine)
            for user, action, context in every_question():
                found = await _selected(connection, engine, user, action, context)
                allowed = ids(answers(engine, user, action, context), Outcome.ALLOW)
                assert found == allowed, (seed, user, action, context)
    finally:
        await connection.close(timeout=DATABASE_TIMEOUT_S)


async def _store_rows(connection, engine):
    await connection.execute(
        "DROP TABLE IF EXISTS leads; CREATE TABLE leads (id text, owner text)",
        timeout=DATABASE_TIMEOUT_S,
    )
    leases = [(lead, engine.lease("lead", lead, now_s=NOW_S)) for lead in LEADS]
    await connection.executemany(
        "INSERT INTO leads VALUES ($1, $2)",
        [(lead, lease.owner_id or None) for lead, lease in leases],
        timeout=DATABASE_TIMEOUT_S,
    )


async def _selected(connection, engine, user, action, context):
    predicate = engine.filter(user, action, "lead", now_s=NOW_S, context=context)
    text, parameters = predicate.sql(id_column="id", owner_column="owner", first_parameter=2)
    rows = await connection.fetch(
        f'SELECT id FROM leads WHERE id <> $1 AND {text} ORDER BY id COLLATE "C"',
        "",
        *parameters,
        timeout=DATABASE_TIMEOUT_S,
    )
    return [row["id"] for row in rows]


def test_pages_of_a_lookup_are_the_whole_in_order_and_say_when_more_follow():
    engine = an_engine(3)
    whole = max((engine.lookup(user, "read", "lead", now_s=NOW_S).ids for user in USERS), key=len)
    user = next(u for u in USERS if engine.lookup(u, "read", "lead", now_s=NOW_S).ids == whole)
    pages = []
    after_id = ""
    while True:
        page = engine.lookup(user, "read", "lead", now_s=NOW_S, after_id=after_id, limit=2)
        pages.append(page)
        if page.complete:
            break
        after_id = page.ids[-1]

    assert [id_ for page in pages for id_ in page.ids] == list(whole)
    assert all(len(page.ids) == 2 for page in pages[:-1])
    assert len(whole) > 2


@pytest.mark.parametrize("seed", range(4))
def test_one_more_allowing_fact_takes_nothing_away_where_no_deny_speaks(seed):
    engine = an_engine(seed)
    before = {user: set(engine.lookup(user, "claim", "lead", now_s=NOW_S).ids) for user in USERS}

    engine.apply(
        [FactPut(Fact("role", "sales", "member", "user", user)) for user in USERS], revision=2
    )

    for user in USERS:
        assert before[user] <= set(engine.lookup(user, "claim", "lead", now_s=NOW_S).ids)


def test_a_lookup_by_nobody_or_of_nothing_is_empty_and_complete():
    engine = an_engine(1)

    for page in (
        engine.lookup("nobody", "read", "lead", now_s=NOW_S),
        engine.lookup("ana", "fly", "lead", now_s=NOW_S),
        Engine().lookup("ana", "read", "lead", now_s=NOW_S),
    ):
        assert (page.ids, page.complete, page.is_everything) == ((), True, False)
    assert engine.filter("nobody", "read", "lead", now_s=NOW_S).sql(
        id_column="id", owner_column="owner"
    ) == ("FALSE", [])
