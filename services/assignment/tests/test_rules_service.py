"""Rules are checked, tried on real leads, published by approval and taken back, on a running service."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from accesskit.changes import FactPut, PrincipalPut
from accesskit.facts import Fact
from assignment.policies import rules_text
from leadchain.assignment.v1 import assignment_service_pb2 as pb
from leadchain.assignment.v1 import events_pb2
from leadchain.assignment.v1 import rules_service_pb2 as rules_pb
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from accesskit.testing.stand_in import StandIn
    from assignment.domain.leads import Lead

BO_FIRST = """source_weights: {sem: 1.5}
pools: [{id: hq, reps: all}]
fallback: {pool: hq, owner: bo}
rules:
  - id: big
    when: {budget: {min: 100000}}
    candidates: {cover: any, industries: any}
    reps: [bo]
  - id: territory
    candidates: {cover: region, industries: match}
    reps: all
    otherwise: fallback
"""
FAULTY = BO_FIRST.replace("reps: [bo]", "reps: [boo]").replace("owner: bo", "owner: chef")
REPS = [
    pb.Rep(rep_id=name, manager_id="m", provinces=["广东"], cities=["深圳"], active=True)
    for name in ("ana", "bo")
]


async def put_reps(assignment: Any) -> None:
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=REPS))


async def assigned(assignment: Any, build: Any, *leads: Lead) -> list[Any]:
    """The events by which these leads, in order, got their owners."""
    for lead in leads:
        await assignment.deliver(build.identified(lead))
    wanted = {str(lead.lead_id) for lead in leads}

    async def found() -> dict[str, Any] | None:
        count = (await assignment.bus.jetstream().stream_info("ASSIGNMENT")).state.messages
        events = await assignment.published(count)
        owned = {e.lead_id: e for e in events if isinstance(e, events_pb2.LeadAssigned)}
        return owned if wanted <= owned.keys() else None

    owned = await eventually(found, deadline_s=20, what="owners of all leads")
    return [owned[str(lead.lead_id)] for lead in leads]


def publish(document: str = "", **named: Any) -> rules_pb.PublishRulesRequest:
    return rules_pb.PublishRulesRequest(document=document, **named)


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code().name, refused.value.details() or ""


async def test_published_rules_decide_from_the_next_lead_on_and_can_be_taken_back(
    assignment: Any, build: Any
) -> None:
    await put_reps(assignment)
    before, after, restored = (build.lead(budget=2e5) for _ in range(3))
    [first] = await assigned(assignment, build, before)

    published = await assignment.rules.PublishRules(publish(BO_FIRST, approval_id="approved-1"))
    again = await assignment.rules.PublishRules(publish(BO_FIRST, approval_id="approved-1"))
    [second] = await assigned(assignment, build, after)
    back = await assignment.rules.PublishRules(publish(version=1, approval_id="approved-2"))
    [third] = await assigned(assignment, build, restored)

    assert (published.version, published.is_repeated) == (2, False)
    assert (again.version, again.is_repeated, back.version) == (2, True, 3)
    assert (first.rules_version, first.rule_id) == (1, "paid-search")
    assert (second.rules_version, second.rule_id, second.assignee_id) == (2, "big", "bo")
    assert (third.rules_version, third.rule_id) == (3, "paid-search")
    listed = (await assignment.rules.ListRules(rules_pb.ListRulesRequest())).versions
    assert [(v.version, v.is_in_force, v.restored_version) for v in listed] == [
        (3, True, 1),
        (2, False, 0),
        (1, False, 0),
    ]
    shown = await assignment.rules.GetRules(rules_pb.GetRulesRequest())
    assert shown.document == rules_text()
    request = pb.ExplainAssignmentRequest(lead_id=str(after.lead_id))
    [decision] = (await assignment.stub.ExplainAssignment(request)).decisions
    assert (decision.rule_id, decision.rules_version) == ("big", 2)
    assert [r.detail for r in decision.refusals] == ["rule big names other reps"]
    assert [(s.rep_id, s.turns_before, s.turns_after) for s in decision.standings] == [("bo", 0, 1)]


async def test_faulty_rules_are_refused_with_line_and_reason_and_the_old_ones_stay(
    assignment: Any, build: Any
) -> None:
    await put_reps(assignment)

    check = rules_pb.CheckRulesRequest(document=FAULTY, file_name="new.yaml")
    checked = await assignment.rules.CheckRules(check)
    code, reason = await refusal(
        assignment.rules.PublishRules(
            publish(FAULTY, file_name="new.yaml", approval_id="approved-1")
        )
    )
    [event] = await assigned(assignment, build, build.lead())

    assert [(f.line, f.path, f.reason) for f in checked.faults] == [
        (3, "fallback.owner", "there is no rep chef"),
        (8, "rules[0].reps[0]", "there is no rep boo"),
    ]
    assert code == "INVALID_ARGUMENT"
    assert reason == "new.yaml:3: fallback.owner: there is no rep chef (and 1 more)"
    assert event.rules_version == 1


async def test_rules_without_a_valid_approval_are_not_published(assignment: Any) -> None:
    await put_reps(assignment)

    refused = await refusal(assignment.rules.PublishRules(publish(BO_FIRST, approval_id="none")))
    unknown = await refusal(
        assignment.rules.PublishRules(publish(version=9, approval_id="approved-1"))
    )

    assert refused[0] == "PERMISSION_DENIED"
    assert unknown == ("NOT_FOUND", "there is no version 9 of the routing rules")
    listed = (await assignment.rules.ListRules(rules_pb.ListRulesRequest())).versions
    assert [v.version for v in listed] == [1]


async def test_two_replicas_decide_by_new_rules_after_the_same_transaction(
    settings: Any, token: str, run: Any, build: Any
) -> None:
    async with run(settings, token) as one, run(settings, token) as other:
        await put_reps(one)
        await assigned(one, build, *(build.lead(budget=2e5) for _ in range(4)))

        await one.rules.PublishRules(publish(BO_FIRST, approval_id="approved-1"))
        leads = [build.lead(budget=2e5) for _ in range(12)]
        events = await assigned(one, build, *leads)

        in_force = [
            (await replica.rules.GetRules(rules_pb.GetRulesRequest())).version.version
            for replica in (one, other)
        ]
    assert {(e.rules_version, e.assignee_id) for e in events} == {(2, "bo")}
    assert in_force == [2, 2]


async def test_rules_may_change_again_and_again_while_leads_arrive(
    assignment: Any, build: Any
) -> None:
    await put_reps(assignment)
    leads = [build.lead(budget=float(n)) for n in range(60)]

    async def publish_often() -> None:
        for number in range(6):
            text = f"# {number}\n{BO_FIRST}"
            request = publish(text, approval_id=f"approved-{number}")
            await assignment.rules.PublishRules(request)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(publish_often())
        arriving = group.create_task(assigned(assignment, build, *leads))

    events = arriving.result()
    loads = (await assignment.stub.ListReps(pb.ListRepsRequest())).reps
    owned = Counter(event.assignee_id for event in events)
    assert {load.rep.rep_id: load.open_count for load in loads} == owned
    by_rule = Counter((event.rule_id, event.assignee_id) for event in events)
    for rule_id in {event.rule_id for event in events}:
        assert abs(by_rule[rule_id, "ana"] - by_rule[rule_id, "bo"]) <= 1
    stream = await assignment.bus.jetstream().stream_info("ASSIGNMENT")
    assert stream.state.messages == 60 + 6


async def test_a_simulation_routes_real_leads_again_and_names_those_whose_owner_differs(
    assignment: Any, build: Any
) -> None:
    await put_reps(assignment)
    big = [build.lead(budget=2e5) for _ in range(6)]
    far = build.lead(province="海南", city="三沙")
    events = await assigned(assignment, build, *big, build.lead(), build.lead())
    await assignment.deliver(build.identified(far))
    await assignment.published(9)
    request = rules_pb.SimulateRulesRequest(document=BO_FIRST)
    request.since.FromDatetime(datetime.now(UTC) - timedelta(days=30_000))

    trial = await assignment.rules.SimulateRules(request)

    assert (trial.lead_count, trial.version_in_force) == (9, 1)
    assert (trial.in_force_waiting_count, trial.proposed_waiting_count) == (1, 0)
    loads = {each.rep_id: each for each in trial.loads}
    real = Counter(event.assignee_id for event in events)
    assert {rep: loads[rep].real_count for rep in ("ana", "bo")} == real
    assert loads[""].proposed_count == 0
    assert all(change.proposed_rule_id for change in trial.changes)
    changed = {change.lead_id: change for change in trial.changes}
    assert changed[str(far.lead_id)].proposed_assignee_id in {"ana", "bo"}
    by_big = [each for each in trial.changes if each.proposed_rule_id == "big"]
    assert {each.proposed_assignee_id for each in by_big} == {"bo"}
    assert trial.changed_count == len(trial.changes)
    assert trial.assumptions
    assert len(await assignment.published(9)) == 9


async def test_a_repair_in_bulk_is_tried_first_then_drains_what_waited(
    assignment: Any, build: Any
) -> None:
    cityless = [pb.Rep(rep_id=r.rep_id, manager_id="m", active=True) for r in REPS]
    put = await assignment.stub.PutReps(pb.PutRepsRequest(reps=cityless))
    leads = [build.lead() for _ in range(5)]
    for lead in leads:
        await assignment.deliver(build.identified(lead))
    await assignment.published(5)
    repair = pb.ImportRepsRequest(
        reps=[
            pb.Rep(rep_id="ana", cities=["深圳"], active=True),
            pb.Rep(rep_id="bo", active=True),
            pb.Rep(rep_id="new", cities=["广州"], weight=2, active=True),
        ],
        columns=["cities", "weight", "active"],
        is_dry_run=True,
    )

    tried = await assignment.stub.ImportReps(repair)
    unchanged = await assignment.stub.ListReps(pb.ListRepsRequest())
    repair.is_dry_run = False
    done = await assignment.stub.ImportReps(repair)

    assert {(g.rep_id, g.attribute, tuple(g.rule_ids)) for g in put.gaps} == {
        ("ana", "cities", ("paid-search", "territory")),
        ("bo", "cities", ("paid-search", "territory")),
    }
    assert [(c.rep_id, c.column, c.before, c.after) for c in tried.changes] == [
        ("ana", "cities", "", "深圳"),
        ("new", "cities", "", "广州"),
        ("new", "weight", "", "2"),
        ("new", "active", "", "yes"),
    ]
    assert (tried.created_count, tried.changed_count, tried.drained_count) == (1, 1, 0)
    assert [load.rep.rep_id for load in unchanged.reps] == ["ana", "bo"]
    assert (done.created_count, done.changed_count, done.drained_count) == (1, 1, 5)
    assert {g.rep_id for g in done.gaps} == {"bo"}
    checked = await assignment.stub.CheckReps(pb.CheckRepsRequest())
    assert {(g.rep_id, g.attribute) for g in checked.gaps} == {
        ("bo", "cities"),
        ("duty-manager", "roster"),
    }
    bad = pb.ImportRepsRequest(reps=repair.reps, columns=["citys"])
    assert (await refusal(assignment.stub.ImportReps(bad)))[0] == "INVALID_ARGUMENT"


async def test_calendars_are_kept_and_say_who_is_on_duty(assignment: Any) -> None:
    night = pb.Calendar(
        name="nights",
        shifts=[pb.Shift(weekdays=[1, 2, 3, 4, 5, 6, 7], start="22:00", end="06:00")],
        holidays=["2026-02-17"],
        working_days=[pb.WorkingDay(date="2026-02-14")],
    )
    never = pb.Calendar(
        name="never", shifts=[pb.Shift(weekdays=[1], start="00:00", end="00:01")], zone="UTC"
    )
    now = datetime.now(UTC)
    away = pb.TimeOff()
    away.start.FromDatetime(now - timedelta(hours=1))
    away.end.FromDatetime(now + timedelta(hours=1))

    put = pb.PutCalendarsRequest(calendars=[night, never])
    first = await assignment.stub.PutCalendars(put)
    again = await assignment.stub.PutCalendars(put)
    reps = [pb.Rep(rep_id="ana", active=True), pb.Rep(rep_id="bo", active=True, time_off=[away])]
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=reps))
    presence = pb.ReportRepPresenceRequest(rep_id="ana", is_away=True)
    seen = await assignment.stub.ReportRepPresence(presence)

    listed = (await assignment.stub.ListCalendars(pb.ListCalendarsRequest())).calendars
    assert (first.changed_count, again.changed_count) == (2, 0)
    assert [each.name for each in listed] == ["never", "nights"]
    assert (listed[1].zone, list(listed[1].holidays)) == ("Asia/Shanghai", ["2026-02-17"])
    assert [(s.start, s.end) for s in listed[1].working_days[0].shifts] == [("22:00", "06:00")]
    loads = (await assignment.stub.ListReps(pb.ListRepsRequest())).reps
    assert [(each.is_on_duty, each.is_away) for each in loads] == [(True, True), (False, False)]
    assert loads[0].seen_at == seen.seen_at
    for broken in (
        pb.Calendar(name="x", zone="Mars", shifts=night.shifts),
        pb.Calendar(name="x", shifts=[pb.Shift(weekdays=[8], start="09:00", end="10:00")]),
        pb.Calendar(name="x", shifts=night.shifts, holidays=["2026-02-30"]),
        pb.Calendar(name="", shifts=night.shifts),
    ):
        request = pb.PutCalendarsRequest(calendars=[broken])
        assert (await refusal(assignment.stub.PutCalendars(request)))[0] == "INVALID_ARGUMENT"


async def test_the_owner_declines_over_the_network_and_the_answer_names_the_next(
    assignment: Any, build: Any, permissions: StandIn
) -> None:
    for name in ("ana", "bo"):
        member = Fact("role", "colleague", "member", "user", name)
        await permissions.apply([PrincipalPut(name, "user", "active", 1), FactPut(member)])
    await put_reps(assignment)
    lead = build.lead()
    [event] = await assigned(assignment, build, lead)
    whose = {"lead_id": str(lead.lead_id), "rep_id": event.assignee_id}

    async def accepted() -> Any:
        try:
            return await assignment.stub.AcceptLead(pb.AcceptLeadRequest(**whose))
        except grpc.aio.AioRpcError:
            return None

    await eventually(accepted, what="the new principals to be known")
    declined = await assignment.stub.DeclineLead(pb.DeclineLeadRequest(**whose, reason="busy"))

    assert {event.assignee_id, declined.assignee_id} == {"ana", "bo"}
    assert declined.left_today == 4


async def test_rules_that_a_release_cannot_read_hold_leads_back_until_others_are_published(
    settings: Any, token: str, run: Any, build: Any, database: Any
) -> None:
    async with run(settings, token) as before:
        await put_reps(before)
        await before.rules.PublishRules(publish(BO_FIRST, approval_id="approved-1"))
    async with database.raw() as raw:
        await raw.execute("update rule_versions set document = 'rules: [}' where version = 2")

    async with run(settings, token) as after:
        refused = await refusal(after.stub.PutReps(pb.PutRepsRequest(reps=REPS)))
        await after.rules.PublishRules(publish(version=1, approval_id="approved-2"))
        [event] = await assigned(after, build, build.lead(budget=2e5))

    assert refused[0] == "UNAVAILABLE"
    assert "version 2 of the routing rules cannot be used: routing.yaml:1" in refused[1]
    assert event.rules_version == 3
