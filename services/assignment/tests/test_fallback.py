"""A lead that nobody in its rule can take goes where the rule says, and every pool that was asked is explained."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from assignment import queries
from assignment.domain.candidates import RefusalReason
from assignment.domain.leads import RepId
from assignment.domain.rules import Cover
from leadchain.assignment.v1 import events_pb2 as pb

if TYPE_CHECKING:
    from assignment import commands


@pytest.fixture
def desk(build: Any) -> commands.Desk:
    """By the place, else to the pool of hq by weight, else to the one owner."""

    def pool(rule_id: str, *reps: str, **named: Any) -> Any:
        rep_ids = frozenset(map(RepId, reps))
        return build.rule(rule_id, cover=Cover.ANY, same_industry=False, rep_ids=rep_ids, **named)

    rules = build.rules(
        build.rule(otherwise="fallback"),
        pools={
            "hq": pool(
                "hq", "cai", "di", shares=((RepId("cai"), 2), (RepId("di"), 1)), otherwise="owner"
            ),
            "owner": pool("owner", "eve", is_last_resort=True),
        },
        fallback_pool="hq",
    )
    return build.desk_by(rules)  # type: ignore[no-any-return]


async def roster(office: Any, build: Any, **capacity: int) -> None:
    far: dict[str, Any] = {"provinces": [], "cities": ["三沙"]}
    await office.put_reps(
        build.rep("ana", **far),
        *(build.rep(name, capacity=capacity.get(name, 0), **far) for name in ("cai", "di")),
        build.rep("eve", capacity=1, **far),
    )


async def test_a_lead_falls_to_the_pool_and_every_step_is_explained(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await roster(office, build, cai=1, di=1)
    leads = [build.lead() for _ in range(4)]
    for lead in leads:
        await office.assign(desk, [lead])

    explained = [
        (await queries.explain_assignment(office.database, lead.lead_id))[0] for lead in leads
    ]

    events = await office.published()
    assert {type(event) for event in events} == {pb.LeadAssigned}
    assert [(e.assignee_id, e.rule_id, e.pool_id) for e in events] == [
        ("cai", "territory", "hq"),
        ("di", "territory", "hq"),
        ("eve", "territory", "owner"),
        ("eve", "territory", "owner"),
    ]
    last = explained[-1]
    assert (last.decision.rule_id, last.decision.pool_id) == ("territory", "owner")
    assert Counter(refusal.reason for refusal in last.refusals) == {
        RefusalReason.REGION_NOT_COVERED: 4,
        RefusalReason.NOT_IN_RULE: 2 + 3,
        RefusalReason.FULL: 2,
    }
    assert [(s.rule_id, s.rep_id, s.turns_before, s.turns_after, s.open_count) for s in last.standings] == [
        ("hq", "cai", 1, 1, 1),
        ("hq", "di", 1, 1, 1),
        ("owner", "eve", 1, 2, 1),
    ]  # fmt: skip


async def test_replicas_share_the_pool_by_its_shares(office: Any, build: Any, desk: Any) -> None:
    await roster(office, build)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(office.assign(desk, [build.lead() for _ in range(5)]))

    assert await office.loads() == {"ana": 0, "cai": 40, "di": 20, "eve": 0}


async def test_a_lead_without_anybody_in_any_pool_waits_with_the_reasons_of_all(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana", cities=["三沙"]), build.rep("eve", active=False))

    await office.assign(desk, [build.lead()])

    [event] = await office.published()
    assert isinstance(event, pb.LeadUnassignable)
    assert event.refusal_count == 2 * 3
    assert {refusal.reason for refusal in event.refusals} == {
        pb.REFUSAL_REASON_REGION_NOT_COVERED,
        pb.REFUSAL_REASON_INACTIVE,
        pb.REFUSAL_REASON_NOT_IN_RULE,
    }
