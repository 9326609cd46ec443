"""How fast decisions are: ours, pycasbin's and Cedar's, of the same policy, people and leads in one run.

`python -m bench.decisions` prints microseconds per decision and how often an engine disagrees with ours. "bare" is the
same policy in plain dictionaries, the bound for this machine at this hour; "clock" is what reading the clock twice adds
to each row. Loads, pages and lookups are timed in CPU seconds of this process, in which all run; Cedar holds its
entities parsed, and casbin is given the owner and the lock with each request, because neither could answer in
reasonable time otherwise.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import casbin
import cedarpy
from accesskit.changes import Change, FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.decisions import Decision, Outcome, Question
from accesskit.engine import Engine
from accesskit.facts import Fact
from permissions.policies import default_policy

Ask: TypeAlias = Callable[..., Decision | bool | None]
"""(question, now_s=...) -> the answer."""

USERS = 1_000
LEADS = 100_000
LOCKED_EVERY = 10
SPAN = 10
PAGE = 2_000
NOW_S = 1_790_000_000.0
DAY_S = 86_400.0
CASBIN_MODEL = """
[request_definition]
r = sub, act, owner, held
[policy_definition]
p = role, act, relation, held
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.act == p.act && (p.held == "any" || p.held == r.held) && g(r.sub, p.role) && stands(r.sub, p.relation, r.owner)
"""
CASBIN_RULES = [
    ("salesperson", "read", "reader", "any"),
    ("salesperson", "edit", "owner", "held"),
    ("supervisor", "read", "superior", "any"),
    ("director", "read", "any", "any"),
]
CEDAR = """
permit(principal, action == Action::"read", resource)
when { principal.role == "salesperson" && resource.owner in principal };
permit(principal, action == Action::"edit", resource)
when { principal.role == "salesperson" && resource.owner == principal && resource.held };
permit(principal, action == Action::"read", resource)
when { principal.role == "supervisor" && resource.owner != principal && resource.owner in principal };
permit(principal, action == Action::"read", resource) when { principal.role == "director" };
forbid(principal, action == Action::"edit", resource) when { principal.role == "supervisor" };
"""


@dataclass
class Office:
    """1,000 people under three levels of managers, and the leads that the front line owns."""

    role: dict[str, str] = field(default_factory=dict)
    manager: dict[str, str] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    held: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def made(cls) -> "Office":
        """The same office every time."""
        office = cls()
        people = [f"u{number}" for number in range(USERS)]
        for number, person in enumerate(people):
            leads_others = number * SPAN + 1 < USERS
            office.role[person] = "supervisor" if leads_others else "salesperson"
            if number:
                office.manager[person] = people[(number - 1) // SPAN]
        office.role["u0"] = "director"
        front = [person for person in people if office.role[person] == "salesperson"]
        for number in range(LEADS):
            office.owner[f"l{number:06d}"] = front[number % len(front)]
            office.held[f"l{number:06d}"] = number % LOCKED_EVERY != 0
        return office

    def superiors(self, person: str) -> set[str]:
        """Everybody above a person."""
        found = set()
        while person in self.manager:
            person = self.manager[person]
            found.add(person)
        return found

    def questions(self, count: int) -> list[Question]:
        """Half by the owner, a quarter by a superior, a quarter by anybody."""
        chance = random.Random(7)
        people, leads = list(self.role), list(self.owner)
        questions = []
        for number in range(count):
            lead = chance.choice(leads)
            owner = self.owner[lead]
            above = sorted(self.superiors(owner))
            subject = (owner, owner, chance.choice(above), chance.choice(people))[number % 4]
            questions.append(Question(subject, chance.choice(["read", "edit"]), "lead", lead))
        return questions


def main() -> None:
    """Measures and prints."""
    office = Office.made()
    engine, load_s = _loaded(office)
    print(f"load {LEADS} leads, {USERS} people, to the first answer: {load_s:.2f} s")
    questions = office.questions(20_000)
    truth = [_is_allowed(engine, question) for question in questions]
    _measure("clock", _nothing, questions)
    _measure("bare", _bare(office), questions, truth)
    _measure("ours", engine.decide, questions, truth)
    _measure("cedarpy", _cedar(office), questions[:2_000], truth)
    _measure("pycasbin", _casbin(office), questions[:2_000], truth)
    _measure_pages(engine)


def _is_allowed(engine: Engine, question: Question) -> bool:
    return engine.decide(question, now_s=NOW_S).outcome is Outcome.ALLOW


def _nothing(question: Question, *, now_s: float) -> None:
    """Costs what measuring costs."""


def _loaded(office: Office) -> tuple[Engine, float]:
    changes: list[Change] = [PolicyPut(1, default_policy(), "live")]
    for person, role in office.role.items():
        changes.append(PrincipalPut(person, "user", "active", 1))
        changes.append(FactPut(Fact("role", role, "member", "user", person)))
    for person, manager in office.manager.items():
        changes.append(FactPut(Fact("user", person, "manager", "user", manager)))
    for seq, (lead, owner) in enumerate(office.owner.items()):
        touched_at_s = NOW_S - (5 if office.held[lead] else 31) * DAY_S
        changes.append(LeasePut("lead", lead, owner, touched_at_s, version=1, seq=seq))
    engine = Engine()
    started = time.process_time()
    engine.apply(changes, revision=1)
    _page(engine, "u120", ["l000000"])
    return engine, time.process_time() - started


def _bare(office: Office) -> Ask:
    """The same policy written out in dictionaries and sets: no model, no proof, no reasons."""
    above = {person: office.superiors(person) for person in office.role}

    def is_allowed(question: Question, *, now_s: float) -> bool:  # noqa: ARG001 - always the same
        subject, lead = question.subject_id, question.resource_id
        role, owner = office.role[subject], office.owner[lead]
        if question.action == "edit":
            return role == "salesperson" and subject == owner and office.held[lead]
        return role == "director" or subject == owner or subject in above[owner]

    return is_allowed


def _cedar(office: Office) -> Ask:
    people = [
        {
            "uid": {"type": "User", "id": person},
            "attrs": {"role": role},
            "parents": [{"type": "User", "id": m} for m in [office.manager.get(person)] if m],
        }
        for person, role in office.role.items()
    ]
    leads = [
        {
            "uid": {"type": "Lead", "id": lead},
            "attrs": {
                "owner": {"__entity": {"type": "User", "id": owner}},
                "held": office.held[lead],
            },
            "parents": [],
        }
        for lead, owner in office.owner.items()
    ]
    policies = cedarpy.PolicySet.from_str(CEDAR)
    entities = cedarpy.Entities.from_json_str(json.dumps(people + leads))

    def is_allowed(question: Question, *, now_s: float) -> bool:  # noqa: ARG001 - always the same
        request = {
            "principal": {"type": "User", "id": question.subject_id},
            "action": {"type": "Action", "id": question.action},
            "resource": {"type": "Lead", "id": question.resource_id},
            "context": {},
        }
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    return is_allowed


def _casbin(office: Office) -> Ask:
    model = casbin.Model()
    model.load_model_from_text(CASBIN_MODEL)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies(CASBIN_RULES)
    enforcer.add_grouping_policies(list(office.role.items()))
    above = {person: office.superiors(person) for person in office.role}

    def stands(subject: str, relation: str, owner: str) -> bool:
        is_owner, is_above = subject == owner, subject in above[owner]
        return {
            "any": True,
            "owner": is_owner,
            "superior": is_above,
            "reader": is_owner or is_above,
        }[relation]

    enforcer.add_function("stands", stands)

    def is_allowed(question: Question, *, now_s: float) -> bool:  # noqa: ARG001 - always the same
        lead = question.resource_id
        held = "held" if office.held[lead] else "locked"
        return bool(
            enforcer.enforce(question.subject_id, question.action, office.owner[lead], held)
        )

    return is_allowed


def _measure(
    name: str, ask: Ask, questions: Sequence[Question], truth: Sequence[bool] = ()
) -> None:
    answers = [ask(question, now_s=NOW_S) for question in questions]
    wrong = sum(
        (answer.outcome is Outcome.ALLOW if isinstance(answer, Decision) else answer)
        is not expected
        for answer, expected in zip(answers, truth, strict=False)
    )
    times_ns = []
    for question in questions:
        started = time.perf_counter_ns()
        ask(question, now_s=NOW_S)
        times_ns.append(time.perf_counter_ns() - started)
    times_ns.sort()
    p50, p99 = (times_ns[int(len(times_ns) * share)] / 1e3 for share in (0.5, 0.99))
    print(f"{name:9} p50 {p50:9.2f} us  p99 {p99:9.2f} us  disagrees {wrong}/{len(questions)}")


def _measure_pages(engine: Engine) -> None:
    page = [f"l{number:06d}" for number in range(PAGE)]
    for subject in ("u120", "u11", "u0"):
        best = min(_timed(partial(_page, engine, subject, page)) for _ in range(20))
        print(f"decide_all of {PAGE} by {subject}: {PAGE / best:,.0f}/s")
    _appoint(engine)
    for subject in ("u120", "u11", "u1", "chief", "u0"):
        best = min(_timed(partial(_lookup, engine, subject)) for _ in range(5))
        print(f"lookup of {_lookup(engine, subject):,} by {subject}: {best * 1e3:.2f} ms")


def _appoint(engine: Engine) -> None:
    """Somebody between the director and the first two managers, whom 25 more of the front line answer to."""
    changes: list[Change] = [PrincipalPut("chief", "user", "active", 1)]
    changes.append(FactPut(Fact("role", "supervisor", "member", "user", "chief")))
    managed = ("u1", "u2", *(f"u{number}" for number in range(400, 425)))
    changes += [FactPut(Fact("user", person, "manager", "user", "chief")) for person in managed]
    engine.apply(changes, revision=2)


def _page(engine: Engine, subject: str, page: list[str]) -> int:
    return len(engine.decide_all(subject, "read", "lead", page, now_s=NOW_S))


def _lookup(engine: Engine, subject: str) -> int:
    return len(engine.lookup(subject, "read", "lead", now_s=NOW_S).ids)


def _timed(action: Callable[[], int]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


if __name__ == "__main__":
    main()
