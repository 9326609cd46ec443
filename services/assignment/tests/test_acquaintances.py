"""A customer whom a rep had before goes back to that rep, unless the rule or the rep's state says otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from assignment import queries
from assignment.domain.decisions import Cause
from assignment.policies import read_rules, rules_text
from leadchain.assignment.v1 import events_pb2 as pb

CUSTOMER = "c" * 64


async def a_customer_had_before(office: Any, build: Any, desk: Any) -> None:
    """Gives the customer's first lead to ana, whose import is then undone."""
    former = build.lead(golden_id=CUSTOMER)
    await office.assign(desk, [former])
    assert await office.owners() == {former.lead_id: "ana"}
    await office.withdraw(desk, former)


async def test_a_known_customer_goes_back_to_the_rep_who_knows_them(
    office: Any, build: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    desk = build.desk()
    await a_customer_had_before(office, build, desk)
    again, stranger = build.lead(golden_id=CUSTOMER), build.lead()

    await office.assign(desk, [again, stranger])

    assert await office.owners() == {again.lead_id: "ana", stranger.lead_id: "bo"}
    assert await office.loads() == {"ana": 1, "bo": 1}
    (event,) = [e for e in await office.published() if e.lead_id == str(again.lead_id)]
    assert event.cause == pb.ASSIGNMENT_CAUSE_STICKY


async def test_it_is_nobodys_turn_and_the_decision_says_so(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    desk = build.desk()
    await a_customer_had_before(office, build, desk)
    again = build.lead(golden_id=CUSTOMER, city="广州", province="广东")

    await office.assign(desk, [again])

    (decided,) = await queries.explain_assignment(office.database, again.lead_id)
    assert decided.decision.cause is Cause.STICKY
    assert [refusal.rep_id for refusal in decided.refusals] == ["bo"]
    assert await office.rows("select rep_id, served from rotations order by rep_id") == [
        ("ana", 1),
        ("bo", 0),
    ]


async def test_a_lead_that_waited_goes_back_too(office: Any, build: Any) -> None:
    desk = build.desk()
    await office.put_reps(build.rep("ana"))
    await a_customer_had_before(office, build, desk)
    await office.put_reps(build.rep("ana", active=False))
    waiting = build.lead(golden_id=CUSTOMER)
    await office.assign(desk, [waiting])
    await office.put_reps(build.rep("ana"), build.rep("aaron"))

    await office.drain(desk)

    assert await office.owners() == {waiting.lead_id: "ana"}


@pytest.mark.parametrize(
    ("ana", "rule"),
    [
        ({"active": False}, {}),
        ({"capacity": 1}, {}),
        ({"shifts": True}, {}),
        ({}, {"is_sticky": False}),
    ],
    ids=["left", "full", "off-duty", "rule-says-none"],
)
async def test_somebody_else_takes_a_known_customer_when(
    office: Any, build: Any, ana: dict[str, Any], rule: dict[str, Any]
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("abe", cities=["广州"]))
    desk = build.desk(build.rule(**rule))
    await a_customer_had_before(office, build, desk)
    await office.assign(desk, [build.lead()])
    if ana.get("shifts"):
        ana = {"shifts": (build.shift("01:00", "02:00"),)}
    await office.put_reps(build.rep("ana", **ana), build.rep("abe"))
    again = build.lead(golden_id=CUSTOMER)

    await office.assign(desk, [again])

    assert (await office.owners())[again.lead_id] == "abe"


def test_a_rule_says_whether_customers_go_back() -> None:
    text = rules_text().replace("- id: place-unknown", "- id: place-unknown\n    sticky: none")

    rules = read_rules(text, version=2)

    assert [rule.is_sticky for rule in rules.rules] == [False, True, True]
