"""`leadctl follow-ups`, `behaviours`, `stages` and `tasks` against services that say what a test wants."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from leadchain.engagement.v1 import behaviours_service_pb2 as behaviours_pb
from leadchain.engagement.v1 import behaviours_service_pb2_grpc as behaviours_grpc
from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from leadchain.engagement.v1 import follow_ups_service_pb2_grpc as pb_grpc
from leadchain.engagement.v1 import stages_service_pb2 as stages_pb
from leadchain.engagement.v1 import stages_service_pb2_grpc as stages_grpc
from leadchain.engagement.v1 import tasks_service_pb2 as tasks_pb
from leadchain.engagement.v1 import tasks_service_pb2_grpc as tasks_grpc
from leadchain.engagement.v1 import watches_service_pb2 as watches_pb
from leadchain.engagement.v1 import watches_service_pb2_grpc as watches_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving

LEAD = "0199c0de-0000-7000-8000-000000000001"


class _FollowUps(pb_grpc.FollowUpsServiceServicer):
    def __init__(self):
        self.asked = []

    async def ListFollowUps(self, request, _context):
        self.asked.append(request)
        told = pb.FollowUp(author_id="rep-07")
        told.statement.objection.word = "price"
        told.statement.next_action.word = "visit"
        told.evidence.add(is_confirmed=True).attachment.sha256 = "f" * 64
        told.evidence.add().call.seconds = 90
        return pb.ListFollowUpsResponse(follow_ups=[told], next_page_token="2026|7")

    async def ListContacts(self, request, _context):
        self.asked.append(request)
        contact = pb.ReportedContact(contact_id="c-1", kind="call", seconds=95)
        return pb.ListContactsResponse(contacts=[contact])

    async def GetWeeklyEffort(self, request, _context):
        self.asked.append(request)
        rep = pb.RepEffort(author_id="rep-07", follow_up_count=12, effective_count=9)
        return pb.GetWeeklyEffortResponse(reps=[rep])


class _Behaviours(behaviours_grpc.BehavioursServiceServicer):
    async def ListBehaviours(self, _request, _context):
        behaviour = behaviours_pb.Behaviour(tag="trial_intent", name_zh="试用意向", rule_id="trial")
        banner = behaviours_pb.Banner(text_zh="高转化潜力客户", colour="yellow")
        return behaviours_pb.ListBehavioursResponse(behaviours=[behaviour], banners=[banner])

    async def TryRules(self, request, _context):
        mark = behaviours_pb.Mark(start=2, length=3, rule_id="trial", tag="trial_intent")
        marks = [mark] if "试" in request.text else []
        return behaviours_pb.TryRulesResponse(marks=marks)


class _Stages(stages_grpc.StagesServiceServicer):
    def __init__(self):
        self.matched = []

    async def GetStage(self, _request, _context):
        following = stages_pb.NextStage(stage="proposal", missing=["2 points (1 earned)"])
        answer = stages_pb.GetStageResponse(stage="demonstrated", name_zh="方案演示", points=1)
        answer.next.append(following)
        answer.actions.add(action="feedback", is_done=True, points=1)
        answer.deal.amount_minor, answer.deal.currency = 1_000_000, "CNY"
        return answer

    async def ListMoves(self, _request, _context):
        move = stages_pb.Move(move_no=1, from_stage="a", to_stage="b", cause=3, evidence=["c-1"])
        return stages_pb.ListMovesResponse(moves=[move])

    async def ListUnmatchedPayments(self, _request, _context):
        payment = stages_pb.UnmatchedPayment(payment_id="p-1", amount_minor=12345, currency="CNY")
        payment.problem = "several_deals"
        return stages_pb.ListUnmatchedPaymentsResponse(payments=[payment])

    async def MatchPayment(self, request, _context):
        self.matched.append((request.payment_id, request.lead_id))
        return stages_pb.MatchPaymentResponse()


class _Tasks(tasks_grpc.TasksServiceServicer):
    def __init__(self):
        self.asked = []

    async def ListTasks(self, request, _context):
        self.asked.append(request)
        task = tasks_pb.Task(task_id="t-1", kind="forced_review", name_zh="强制复盘任务")
        task.state, task.owner_id, task.assignee_id = "open", "rep-07", "rep-07"
        task.needs.extend(["cause", "remedy"])
        return tasks_pb.ListTasksResponse(tasks=[] if request.is_closed else [task])

    async def AnswerTask(self, request, _context):
        self.asked.append(request)
        return tasks_pb.AnswerTaskResponse()

    async def ApproveTask(self, request, _context):
        self.asked.append(request)
        return tasks_pb.ApproveTaskResponse()

    async def RejectTask(self, request, _context):
        self.asked.append(request)
        return tasks_pb.RejectTaskResponse()


class _Watches(watches_grpc.WatchesServiceServicer):
    async def ListServiceRecords(self, _request, _context):
        record = watches_pb.ServiceRecord(ticket_no="T-1", type="投诉", status="open")
        return watches_pb.ListServiceRecordsResponse(records=[record])


@pytest.fixture(scope="module")
def tasks():
    return _Tasks()


@pytest.fixture(scope="module")
def follow_ups():
    return _FollowUps()


@pytest.fixture(scope="module")
def stages():
    return _Stages()


@pytest.fixture(scope="module")
def served(follow_ups, stages, tasks, tmp_path_factory) -> Iterator[Served]:
    package = "leadchain.engagement.v1"
    add = pb_grpc.add_FollowUpsServiceServicer_to_server
    add_behaviours = behaviours_grpc.add_BehavioursServiceServicer_to_server
    add_stages = stages_grpc.add_StagesServiceServicer_to_server
    with serving(
        tmp_path_factory.mktemp("installation"),
        (add, follow_ups, f"{package}.FollowUpsService"),
        (add_behaviours, _Behaviours(), f"{package}.BehavioursService"),
        (add_stages, stages, f"{package}.StagesService"),
        (tasks_grpc.add_TasksServiceServicer_to_server, tasks, f"{package}.TasksService"),
        (
            watches_grpc.add_WatchesServiceServicer_to_server,
            _Watches(),
            f"{package}.WatchesService",
        ),
    ) as running:
        yield running


def asked(served: Served, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, *served.options("engagement")])
    assert result.exit_code == 0, result.output
    return result.output


def test_follow_ups_are_listed_with_what_proves_them(served, follow_ups):
    printed = asked(served, "follow-ups", "list", LEAD)

    assert follow_ups.asked[0].lead_id == LEAD
    for told in ("rep-07", "price", "visit", "attachment, call (claimed)", "--page-token 2026|7"):
        assert told in printed


def test_reported_contacts_are_listed(served):
    printed = asked(served, "follow-ups", "contacts", LEAD)

    assert "95" in printed
    assert "nothing yet" in printed


def test_a_week_is_asked_for_by_any_of_its_days(served, follow_ups):
    printed = asked(served, "follow-ups", "effort", "--at", "2026-02-07", "--json")

    assert json.loads(printed)["reps"][0]["effective_count"] == 9
    assert follow_ups.asked[-1].at.ToDatetime(tzinfo=UTC) == datetime(2026, 2, 7, tzinfo=UTC)


def test_behaviours_are_shown_with_the_banners_that_are_up(served):
    printed = asked(served, "behaviours", "show", LEAD)

    assert "试用意向" in printed
    assert "yellow: 高转化潜力客户" in printed


def test_rules_are_tried_on_a_text(served):
    assert "trial_intent by trial: 先试试" in asked(served, "behaviours", "try", "那就先试试吧")
    assert "nothing" in asked(served, "behaviours", "try", "你好")


def test_a_stage_says_what_is_missing(served):
    printed = asked(served, "stages", "show", LEAD)

    for told in (
        "demonstrated (方案演示)",
        "[x] feedback",
        "2 points (1 earned)",
        "0.00 of 10000.00",
    ):
        assert told in printed
    assert "contract" in asked(served, "stages", "moves", LEAD)


def test_unmatched_payments_are_listed_and_matched(served, stages):
    assert "123.45 CNY" in asked(served, "stages", "unmatched")

    asked(served, "stages", "match", "p-1", LEAD)

    assert stages.matched == [("p-1", LEAD)]


def test_tasks_are_listed_answered_and_approved(served, tasks):
    printed = asked(served, "tasks", "list", "--team")
    for told in ("强制复盘任务", "rep-07", "cause, remedy", "t-1"):
        assert told in printed
    assert tasks.asked[-1].scope == tasks_pb.TASK_SCOPE_TEAM
    assert "nothing is to be done" in asked(served, "tasks", "list", "--closed")

    asked(served, "tasks", "answer", "t-1", "cause=too late", "remedy=a=b")
    answers = [(each.need, each.text) for each in tasks.asked[-1].answers]
    assert answers == [("cause", "too late"), ("remedy", "a=b")]
    asked(served, "tasks", "approve", "t-1")
    asked(served, "tasks", "reject", "t-1", "too short")
    assert tasks.asked[-1].reason == "too short"
    wrong = CliRunner().invoke(
        app, ["tasks", "answer", "t-1", "late", *served.options("engagement")]
    )
    assert wrong.exit_code == 2


def test_tickets_of_a_customer_are_shown(served):
    assert "T-1" in asked(served, "tasks", "tickets", LEAD)
