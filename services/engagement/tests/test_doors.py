"""Engagement over gRPC and the bus, as the product's own policy lets people use it."""

from __future__ import annotations

import base64
import json
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import nats
import pytest
from accesskit.changes import DevicePut, FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from engagement.app import build as build_service
from engagement.settings import Settings
from leadchain.assignment.v1.clock_events_pb2 import ReviewRequired
from leadchain.engagement.v1 import behaviours_service_pb2 as behaviours_pb
from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from leadchain.engagement.v1 import opportunities_service_pb2 as opportunities_pb
from leadchain.engagement.v1 import stages_service_pb2 as stages_pb
from leadchain.engagement.v1 import standings_service_pb2 as standings_pb
from leadchain.engagement.v1 import tasks_service_pb2 as tasks_pb
from leadchain.engagement.v1 import visits_service_pb2 as visits_pb
from leadchain.engagement.v1 import watches_service_pb2 as watches_pb
from leadchain.engagement.v1.behaviours_service_pb2_grpc import BehavioursServiceStub
from leadchain.engagement.v1.follow_ups_service_pb2_grpc import FollowUpsServiceStub
from leadchain.engagement.v1.opportunities_service_pb2_grpc import OpportunitiesServiceStub
from leadchain.engagement.v1.stages_service_pb2_grpc import StagesServiceStub
from leadchain.engagement.v1.standings_service_pb2_grpc import StandingsServiceStub
from leadchain.engagement.v1.tasks_service_pb2_grpc import TasksServiceStub
from leadchain.engagement.v1.visits_service_pb2_grpc import VisitsServiceStub
from leadchain.engagement.v1.watches_service_pb2_grpc import WatchesServiceStub
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1.facts_events_pb2 import CompanyRiskReported, TicketReported
from servicekit.auth import mint_token, new_signing_key
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROOT = Path(__file__).parents[3]
CRM = ROOT / "services/permissions/permissions/policies/crm.yaml"
READ_FROM = {"INTAKE", "IDENTITY", "ASSIGNMENT", "PERMISSIONS", "ENGAGEMENT"}
PEOPLE = {"ana": "salesperson", "ben": "salesperson", "sue": "supervisor", "lex": "legal"}


class Reached:
    """The running service as people reach it."""

    def __init__(self, port: int, bus: Any, private: dict[str, Any]) -> None:
        self.channels = AsyncExitStack()
        self._bus = bus
        self._port = port
        self._private = private

    async def channel(self, subject: str) -> grpc.aio.Channel:
        """A channel with somebody's token."""
        token = mint_token(
            self._private,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            device_id=f"{subject}-phone" if subject in PEOPLE else "",
        )
        opened = connect(f"127.0.0.1:{self._port}", token=lambda: token)
        return await self.channels.enter_async_context(opened)

    async def states(self, event: Any, key: str) -> None:
        """Another service states something."""
        event.event_id = event.event_id or new_id()
        await self._bus.jetstream().publish(
            subject_of(event.DESCRIPTOR.full_name, key),
            event.SerializeToString(),
            headers={"Nats-Msg-Id": event.event_id},
        )


@pytest.fixture
async def reached(
    migrated_url: str,
    nats_url: str,
    permissions_grpc: str,
    permissions: Any,
    tmp_path: Path,
    ring: Any,
) -> AsyncIterator[Reached]:
    private, public = new_signing_key("leadchain")
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    await permissions.apply(
        [
            PolicyPut(2, CRM.read_text("utf-8"), "live"),
            FactPut(Fact("role", "operator", "member", "service", "leadctl")),
            *(PrincipalPut(name, "user", "active", 1) for name in PEOPLE),
            *(DevicePut(f"{name}-phone", name, "registered") for name in PEOPLE),
            *(FactPut(Fact("role", role, "member", "user", name)) for name, role in PEOPLE.items()),
            FactPut(Fact("user", "ana", "manager", "user", "sue")),
        ]
    )
    definitions = [
        each
        for each in load_definitions(ROOT / "deploy/nats/streams.yaml")
        if each.name in READ_FROM
    ]
    await apply_streams(nats_url, [replace(each, max_size_bytes=2**24) for each in definitions])
    settings = Settings.model_validate(
        {
            "database_url": migrated_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "permissions_grpc": permissions_grpc,
            "jwks_file": tmp_path / "jwks.json",
            "field_keys": f"test:{base64.b64encode(b'r' * 32).decode()}",
            "index_key": base64.b64encode(b"i" * 32).decode(),
        }
    )
    chassis = build_service(settings)
    running = chassis.service()
    await running.start()
    bus = await nats.connect(nats_url)
    here = Reached(chassis.grpc.port, bus, private)
    async with here.channels:
        yield here
    await bus.close()
    assert await running.stop() == 0


@pytest.fixture
async def lead_id(reached: Reached, permissions: Any, build: Any) -> str:
    """A lead of ana's."""
    event = build.assigned(assignee_id="ana")
    owned = Fact("lead", event.lead_id, "owner", "user", "ana")
    lease = LeasePut("lead", event.lead_id, "ana", time.time(), 1)
    await permissions.apply([FactPut(owned), lease])
    await reached.states(event, event.lead_id)
    stub = OpportunitiesServiceStub(await reached.channel("ana"))
    request = opportunities_pb.GetOpportunityRequest(lead_id=event.lead_id)

    async def is_open() -> bool:
        try:
            return bool((await stub.GetOpportunity(request)).opportunity.opportunity_no)
        except grpc.aio.AioRpcError:
            return False

    await eventually(is_open, what="the opportunity")
    return str(event.lead_id)


def follow_up(lead_id: str) -> pb.RecordFollowUpRequest:
    request = pb.RecordFollowUpRequest(lead_id=lead_id, follow_up_id=new_id())
    statement = request.statement
    statement.objection.word, statement.objection.details = "price", "觉得太贵"
    statement.response.word, statement.next_action.word = "listened", "call"
    statement.due_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    request.evidence.add().call.seconds = 120
    request.evidence.add().form.form_id = "form-1"
    return request


async def test_the_owner_records_a_supervisor_reads_and_a_reported_call_makes_it_count(
    reached: Reached, lead_id: str, build: Callable[..., Any]
) -> None:
    ana = FollowUpsServiceStub(await reached.channel("ana"))
    sue = FollowUpsServiceStub(await reached.channel("sue"))

    recorded = (await ana.RecordFollowUp(follow_up(lead_id))).follow_up
    assert (recorded.author_id, recorded.is_contact) == ("ana", True)
    assert not recorded.HasField("effective_at")
    call = build.interaction(happened_at=datetime.now(UTC))  # type: ignore[attr-defined]
    await reached.states(call, call.golden_id)

    async def counts() -> pb.FollowUp | None:
        answer = await sue.ListFollowUps(pb.ListFollowUpsRequest(lead_id=lead_id))
        return answer.follow_ups[0] if answer.follow_ups[0].HasField("effective_at") else None

    counted = await eventually(counts, what="the call")
    assert counted.statement.objection.details == "觉得太贵"
    assert counted.evidence[0].call.seconds == 95
    (contact,) = (await sue.ListContacts(pb.ListContactsRequest(lead_id=lead_id))).contacts
    assert contact.follow_up_id == counted.follow_up_id


async def test_others_are_refused_and_what_is_missing_is_named(
    reached: Reached, lead_id: str
) -> None:
    ana = FollowUpsServiceStub(await reached.channel("ana"))
    ben = FollowUpsServiceStub(await reached.channel("ben"))
    sue = FollowUpsServiceStub(await reached.channel("sue"))
    near = {"latitude": 22.5431, "longitude": 114.0579, "datum": "gcj02"}
    visit = follow_up(lead_id)
    visit.evidence.add().visit.CopyFrom(pb.VisitEvidence(photo_sha256="e" * 64, **near))
    wrong = follow_up(lead_id)
    wrong.evidence.add().attachment.sha256 = "no digest"

    refused = [
        await refusal(ben.RecordFollowUp(follow_up(lead_id))),
        await refusal(ben.ListFollowUps(pb.ListFollowUpsRequest(lead_id=lead_id))),
        await refusal(sue.RecordFollowUp(follow_up(lead_id))),
        await refusal(ana.RecordFollowUp(visit)),
        await refusal(ana.RecordFollowUp(wrong)),
        await refusal(ana.GetWeeklyEffort(pb.GetWeeklyEffortRequest())),
    ]

    codes = [code.name for code, _ in refused]
    assert codes[:3] == ["PERMISSION_DENIED"] * 3
    assert codes[3:] == ["FAILED_PRECONDITION", "INVALID_ARGUMENT", "PERMISSION_DENIED"]
    assert "address" in refused[3][1]
    listed = await ana.ListFollowUps(pb.ListFollowUpsRequest(lead_id=lead_id))
    assert list(listed.follow_ups) == []


async def test_follow_ups_are_turned_over_page_by_page(reached: Reached, lead_id: str) -> None:
    ana = FollowUpsServiceStub(await reached.channel("ana"))
    recorded = [
        (await ana.RecordFollowUp(follow_up(lead_id))).follow_up.follow_up_id for _ in range(5)
    ]

    seen: list[str] = []
    request = pb.ListFollowUpsRequest(lead_id=lead_id, page_size=2)
    while True:
        page = await ana.ListFollowUps(request)
        seen += [each.follow_up_id for each in page.follow_ups]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break

    assert seen == recorded[::-1]
    corrected = pb.CorrectFollowUpRequest(lead_id=lead_id, follow_up_id=seen[0], version=1)
    corrected.statement.CopyFrom(follow_up(lead_id).statement)
    corrected.statement.next_action.word = "visit"
    answer = await ana.CorrectFollowUp(corrected)
    assert (answer.follow_up.version, answer.follow_up.statement.next_action.word) == (2, "visit")
    point = pb.PutAddressPointRequest(lead_id=lead_id, latitude=22.5, longitude=114, datum="wgs84")
    await ana.PutAddressPoint(point)


async def test_a_day_of_visits_is_planned_by_whose_it_is_and_by_who_leads_them(
    reached: Reached, lead_id: str
) -> None:
    ana, ben, sue = [
        VisitsServiceStub(await reached.channel(name)) for name in ("ana", "ben", "sue")
    ]
    at = {"latitude": 22.5, "longitude": 114, "datum": "gcj02"}
    point = pb.PutAddressPointRequest(lead_id=lead_id, **at)
    await FollowUpsServiceStub(await reached.channel("ana")).PutAddressPoint(point)
    request = visits_pb.PlanVisitsRequest(rep_id="ana", day="2026-03-02")
    request.start.CopyFrom(visits_pb.VisitPoint(**at))
    request.visits.add(lead_id=lead_id).open.add(since="10:00", until="11:00")
    stranger = request.visits.add(lead_id=new_id()).lead_id

    plans = [await stub.PlanVisits(request) for stub in (ana, sue)]

    assert plans[0] == plans[1]
    (visit,) = plans[0].visits
    assert visit.begins_at.ToDatetime() == datetime(2026, 3, 2, 2, 0)  # noqa: DTZ001 - of a stamp
    assert (visit.length_s, visit.length_source) == (2700, visits_pb.VISIT_LENGTH_SOURCE_POLICY)
    assert plans[0].travel_source == visits_pb.TRAVEL_SOURCE_CROW
    (left_out,) = plans[0].unplanned
    assert left_out.lead_id == stranger
    assert left_out.reason == visits_pb.UNPLANNED_REASON_NOT_THEIRS
    assert (await refusal(ben.PlanVisits(request)))[0] is grpc.StatusCode.PERMISSION_DENIED
    request.visits[0].open[0].until = "25:00"
    assert (await refusal(ana.PlanVisits(request)))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_a_customer_says_is_read_by_the_owner_and_nobody_else(
    reached: Reached, lead_id: str, build: Any, ring: Any
) -> None:
    ana = BehavioursServiceStub(await reached.channel("ana"))
    ben = BehavioursServiceStub(await reached.channel("ben"))
    call = build.said(ring, "我们先试试", "we:好的，签合同吧", happened_at=datetime.now(UTC))
    listing = behaviours_pb.ListBehavioursRequest(lead_id=lead_id)
    await reached.states(call, call.golden_id)

    async def found() -> behaviours_pb.Behaviour | None:
        behaviours = (await ana.ListBehaviours(listing)).behaviours
        return behaviours[0] if behaviours else None

    behaviour = await eventually(found, what="the behaviour")
    assert (behaviour.name_zh, behaviour.rule_id) == ("试用意向", "trial")
    asked = behaviours_pb.GetTranscriptRequest(lead_id=lead_id, contact_id=behaviour.contact_id)
    told = await ana.GetTranscript(asked)
    assert [[mark.rule_id for mark in line.marks] for line in told.lines] == [["trial"], ["red"]]
    mark = behaviours_pb.MarkBehaviourRequest(lead_id=lead_id, tag="involves_boss")
    assert [(await ana.MarkBehaviour(mark)).is_repeated for _ in range(2)] == [False, True]
    refused = [
        await refusal(ben.GetTranscript(asked)),
        await refusal(ben.ListBehaviours(listing)),
        await refusal(ben.MarkBehaviour(mark)),
        await refusal(ana.TryRules(behaviours_pb.TryRulesRequest(text="先试试"))),
    ]
    assert {code.name for code, _ in refused} == {"PERMISSION_DENIED"}


async def test_a_deal_is_won_through_the_doors(reached: Reached, lead_id: str, build: Any) -> None:
    ana = StagesServiceStub(await reached.channel("ana"))
    ben = StagesServiceStub(await reached.channel("ben"))
    asked = stages_pb.GetStageRequest(lead_id=lead_id)
    move = stages_pb.MoveStageRequest(lead_id=lead_id, to_stage="needs_confirmed")
    document = stages_pb.AddDocumentRequest(
        lead_id=lead_id, kind="requirement_scan", sha256="a" * 64
    )
    deal = stages_pb.SetDealRequest(lead_id=lead_id)
    deal.deal.amount_minor, deal.deal.closes_on = 1_000_000, "2026-12-31"

    (next_stage,) = (await ana.GetStage(asked)).next
    assert next_stage.missing == ["document requirement_scan or document meeting_minutes with cto"]
    code, why = await refusal(ana.MoveStage(move))
    assert (code, next_stage.missing[0] in why) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    assert (await refusal(ben.MoveStage(move)))[0] is grpc.StatusCode.PERMISSION_DENIED
    await ana.AddDocument(document)
    action = stages_pb.CompleteActionRequest(lead_id=lead_id, action="feedback")
    assert (await ana.CompleteAction(action)).points == 1
    assert (await ana.MoveStage(move)).move_count == 1
    await ana.SetDeal(deal)
    now = datetime.now(UTC)
    for fact in (build.payment(200_000, at=now), build.contract(at=now)):
        await reached.states(fact, fact.golden_id)

    async def is_paid() -> stages_pb.GetStageResponse | None:
        answer = await ana.GetStage(asked)
        return answer if answer.stage == "paid" else None

    paid = await eventually(is_paid, what="the deal")
    assert (paid.deal.received_minor, paid.deal.closes_on) == (200_000, "2026-12-31")
    assert [due.part for due in paid.payment_plan] == ["deposit", "rest"]
    moves = (await ana.ListMoves(stages_pb.ListMovesRequest(lead_id=lead_id))).moves
    assert [move.to_stage for move in moves] == ["needs_confirmed", "signed", "paid"]
    lost = stages_pb.LoseDealRequest(lead_id=lead_id, reason="price")
    assert (await refusal(ana.LoseDeal(lost)))[0] is grpc.StatusCode.FAILED_PRECONDITION


async def test_unmatched_payments_are_the_operators_to_match(
    reached: Reached, lead_id: str, build: Any
) -> None:
    ana = StagesServiceStub(await reached.channel("ana"))
    operator = StagesServiceStub(await reached.channel("leadctl"))
    listing = stages_pb.ListUnmatchedPaymentsRequest()
    payment = build.payment(100, golden_id="", at=datetime.now(UTC))
    await reached.states(payment, payment.item_id)

    async def is_listed() -> stages_pb.UnmatchedPayment | None:
        payments = (await operator.ListUnmatchedPayments(listing)).payments
        return payments[0] if payments else None

    unmatched = await eventually(is_listed, what="the payment")
    assert unmatched.problem == "no_deal"
    match = stages_pb.MatchPaymentRequest(payment_id=unmatched.payment_id, lead_id=lead_id)
    refused = [
        await refusal(ana.ListUnmatchedPayments(listing)),
        await refusal(ana.MatchPayment(match)),
    ]
    assert {code.name for code, _ in refused} == {"PERMISSION_DENIED"}
    for _ in range(2):
        await operator.MatchPayment(match)
    assert list((await operator.ListUnmatchedPayments(listing)).payments) == []


async def test_a_forced_review_is_answered_and_approved_through_the_doors(
    reached: Reached, lead_id: str
) -> None:
    ana, ben, sue = [
        TasksServiceStub(await reached.channel(name)) for name in ("ana", "ben", "sue")
    ]
    asked = ReviewRequired(lead_id=lead_id, owner_id="ana", manager_id="sue", assignment_no=1)
    asked.review_due_at.FromDatetime(datetime.now(UTC) + timedelta(hours=24))
    await reached.states(asked, lead_id)

    async def is_listed() -> tasks_pb.Task | None:
        tasks = (await ana.ListTasks(tasks_pb.ListTasksRequest())).tasks
        return tasks[0] if tasks else None

    task = await eventually(is_listed, what="the review")
    assert (task.name_zh, list(task.needs)) == ("强制复盘任务", ["cause", "remedy"])
    answer = tasks_pb.AnswerTaskRequest(task_id=task.task_id)
    answer.answers.add(need="cause", text="没有及时回电")
    approval = tasks_pb.ApproveTaskRequest(task_id=task.task_id)
    rejection = tasks_pb.RejectTaskRequest(task_id=task.task_id, reason="太简单")
    incomplete = await refusal(ana.AnswerTask(answer))
    answer.answers.add(need="remedy", text="先回电")
    refused = [await refusal(ben.AnswerTask(answer)), await refusal(sue.ApproveTask(approval))]
    assert (await ana.AnswerTask(answer)).task.state == "answered"
    refused += [await refusal(ana.ApproveTask(approval)), await refusal(ben.RejectTask(rejection))]

    codes = [code.name for code, _ in refused]
    assert codes == [
        "PERMISSION_DENIED",
        "FAILED_PRECONDITION",
        "PERMISSION_DENIED",
        "PERMISSION_DENIED",
    ]
    assert incomplete == (grpc.StatusCode.INVALID_ARGUMENT, "remedy is missing")
    assert (await sue.RejectTask(rejection)).task.return_reason == "太简单"
    await ana.AnswerTask(answer)
    assert (await sue.ApproveTask(approval)).task.state == "closed"
    team = tasks_pb.ListTasksRequest(scope=tasks_pb.TASK_SCOPE_TEAM, is_closed=True)
    listed = [list((await stub.ListTasks(team)).tasks) for stub in (sue, ana, ben)]
    assert [len(tasks) for tasks in listed] == [1, 0, 0]
    assert (await refusal(ana.AnswerTask(tasks_pb.AnswerTaskRequest(task_id=new_id()))))[0] is (
        grpc.StatusCode.NOT_FOUND
    )


async def test_the_newest_tickets_are_shown_to_whoever_reads_the_lead(
    reached: Reached, lead_id: str
) -> None:
    ana = WatchesServiceStub(await reached.channel("ana"))
    ben = WatchesServiceStub(await reached.channel("ben"))
    listing = watches_pb.ListServiceRecordsRequest(lead_id=lead_id)
    ticket = TicketReported(ticket_id="T-1", type="投诉", status="open")
    ticket.origin.item_id, ticket.origin.channel = new_id(), "desk"
    fact = FactIdentified(item_id=ticket.origin.item_id, golden_id="a" * 64, ticket=ticket)
    fact.occurred_at.FromDatetime(datetime.now(UTC))
    await reached.states(fact, fact.golden_id)

    async def is_shown() -> watches_pb.ServiceRecord | None:
        records = (await ana.ListServiceRecords(listing)).records
        return records[0] if records else None

    shown = await eventually(is_shown, what="the ticket")
    assert (shown.ticket_no, shown.type, shown.HasField("closed_at")) == ("T-1", "投诉", False)
    code, _ = await refusal(ben.ListServiceRecords(listing))
    assert code is grpc.StatusCode.PERMISSION_DENIED


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """Why a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def test_how_an_account_stands_is_read_by_whose_it_is_and_the_lawyers_are_asked(
    reached: Reached, lead_id: str, build: Any
) -> None:
    ana, ben, lex = [
        StandingsServiceStub(await reached.channel(who)) for who in ("ana", "ben", "lex")
    ]
    now = datetime.now(UTC)
    told = {"daily_active_count": 12, "account_count": 60, "contracted_module_count": 2}
    told |= {"delivered_module_count": 2, "visit_count_30d": 5, "executive_contact_count_30d": 0}
    asleep = {"last_order_at": now - timedelta(days=200), "member_level": "金卡"}
    account = build.account(**told, **asleep, measured_at=now)
    risk = CompanyRiskReported(risk_id="R-1", kind="经营异常")
    risk.detected_at.FromDatetime(now)
    found = FactIdentified(item_id=new_id(), golden_id=account.golden_id, company_risk=risk)
    for fact in (account, found):
        await reached.states(fact, fact.golden_id)
    asked = standings_pb.GetHealthRequest(lead_id=lead_id)

    async def is_scored() -> standings_pb.GetHealthResponse | None:
        answer = await ana.GetHealth(asked)
        return answer if answer.weeks else None

    health = await eventually(is_scored, what="the score of the week")
    figures = (await ana.GetStanding(standings_pb.GetStandingRequest(lead_id=lead_id))).figures
    sleepers = await StandingsServiceStub(await reached.channel("leadctl")).ListDormantCustomers(
        standings_pb.ListDormantCustomersRequest(page_size=1)
    )
    tasks = TasksServiceStub(await reached.channel("lex"))

    async def is_asked() -> tasks_pb.Task | None:
        listed = (await tasks.ListTasks(tasks_pb.ListTasksRequest())).tasks
        return listed[0] if listed else None

    task = await eventually(is_asked, what="the lawyers' task")
    answer = tasks_pb.AnswerTaskRequest(task_id=task.task_id)
    answer.answers.add(need="finding", text="无碍")
    assert (await tasks.AnswerTask(answer)).task.state == "closed"
    by_name = {each.name: each for each in health.health.dimensions}
    activity = by_name["activity"]
    assert (activity.value, activity.alarm, activity.is_alarm) == (20, 30, True)
    assert (activity.part_count, activity.whole_count) == (12, 60)
    assert by_name["payment"].left_out_because == "no data"
    assert (health.health.score, health.weeks[0].score) == (48, 48)
    assert health.health.level == health.weeks[0].level == "yellow"
    assert {each.name: each.count for each in figures if each.WhichOneof("value") == "count"} == {
        **told
    }
    assert [each.lead_id for each in sleepers.customers] == [lead_id]
    refused = [
        await refusal(ben.GetHealth(asked)),
        await refusal(lex.GetHealth(asked)),
        await refusal(ana.ListDormantCustomers(standings_pb.ListDormantCustomersRequest())),
    ]
    assert {code.name for code, _ in refused} == {"PERMISSION_DENIED"}


async def test_everybody_lists_their_own_opportunities_and_those_of_whom_they_lead(
    reached: Reached, lead_id: str
) -> None:
    ana, ben, sue = [
        OpportunitiesServiceStub(await reached.channel(who)) for who in ("ana", "ben", "sue")
    ]
    mine = opportunities_pb.ListOpportunitiesRequest()
    team = opportunities_pb.ListOpportunitiesRequest(of_team=True)

    listed = [
        [each.lead_id for each in (await stub.ListOpportunities(request)).opportunities]
        for stub, request in ((ana, mine), (sue, team), (ben, mine), (sue, mine), (ana, team))
    ]

    assert listed == [[lead_id], [lead_id], [], [], []]
    shown = await ana.GetOpportunity(opportunities_pb.GetOpportunityRequest(lead_id=lead_id))
    assert not shown.opportunity.is_downgraded
