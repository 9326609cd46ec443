"""The main job, end to end: webhooks in, named owners and a report out, everything accounted for."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest
from leadchain.assignment.v1.assignment_service_pb2 import (
    ExplainAssignmentRequest,
    GetAssignmentRequest,
    ListRepsRequest,
    Rep,
)
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.events_pb2 import RefusalReason
from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub
from leadchain.permissions.v1.permissions_service_pb2 import CheckRequest, VerifyAuditRequest
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from leadctl.clients import NotAnswered
from leadctl.demo.deliveries import Kind, simple_deliveries
from leadctl.demo.environment import open_doors
from leadctl.demo.people import UNCOVERED_PLACE
from leadctl.demo.performance import item_of
from leadctl.demo.personal_data import Samples, leaks
from leadctl.demo.sender import signed_headers
from leadctl.fakes.mail_server import MailServer
from leadctl.fakes.message_vendors import MessageVendors
from leadctl.ledger import current_funnel, current_ledger
from leadctl.recipients import put_recipients
from leadctl.reminders.accounts import put_accounts
from leadctl.reps import put_reps
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def played() -> dict[str, object]:
    """The plan and outcome of the module's one performance."""
    return {}


@pytest.fixture
async def outcome(played, make_plan, play):
    if not played:
        planned = make_plan(120, seed=11)
        played.update(plan=planned, outcome=await play(planned))
    return played["outcome"]


async def test_every_delivery_is_accounted_for(outcome):
    assert outcome.problems == []
    assert outcome.books.ledger.total.missing_count == 0


async def test_an_unassignable_lead_names_each_rep_and_why_not(outcome, played, known):
    lead_id = item_of(Kind.UNCOVERED, played["plan"], outcome.receipts)
    with known.asking("assignment") as channel:
        stub = AssignmentServiceStub(channel)
        reps = {load.rep.rep_id for load in (await stub.ListReps(ListRepsRequest())).reps}
        explained = await stub.ExplainAssignment(ExplainAssignmentRequest(lead_id=lead_id))

    decision = explained.decisions[-1]
    assert decision.outcome == "unassignable"
    assert {refusal.rep_id for refusal in decision.refusals} == reps
    reasons = {refusal.rep_id: refusal.reason for refusal in decision.refusals}
    assert reasons["rep-12"] == RefusalReason.REFUSAL_REASON_CITY_MISSING
    assert reasons["rep-13"] == RefusalReason.REFUSAL_REASON_INACTIVE
    assert any(UNCOVERED_PLACE.city in refusal.detail for refusal in decision.refusals)


async def test_a_lead_whose_owner_is_late_goes_to_another_and_the_manager_is_told(outcome):
    assert outcome.team.handed_on
    assert outcome.team.manager_notices >= len(outcome.team.handed_on)


async def test_the_owner_may_edit_and_nobody_else_and_the_audit_is_whole(outcome, played, known):
    lead_id = item_of(Kind.NEW, played["plan"], outcome.receipts)
    with known.asking("assignment") as channel:
        owned = await AssignmentServiceStub(channel).GetAssignment(
            GetAssignmentRequest(lead_id=lead_id)
        )
    with known.asking("permissions") as channel:
        stub = PermissionsServiceStub(channel)
        of_owner, of_other = [
            await stub.Check(CheckRequest(subject_id=who, action="edit", lead_id=lead_id))
            for who in (owned.assignee_id, "somebody-else")
        ]
        audit = await stub.VerifyAudit(VerifyAuditRequest())

    assert (of_owner.allowed, of_owner.rule) == (True, "rep_works")
    assert (of_other.allowed, of_other.reason) == (False, "unknown_subject")
    assert [fact.relation for fact in of_owner.path] == ["owner"]
    assert audit.intact
    assert audit.entry_count == of_owner.audit_seq or audit.entry_count > of_owner.audit_seq


async def test_the_report_shows_every_owner_granted_reminded_and_contacted(outcome, known):
    lines = [line for line in (await current_funnel(known)).lines if line.outcome == "assigned"]
    total = sum(line.lead_count for line in lines)
    assert total == outcome.books.ledger.total.assigned_count
    for count in ("granted_count", "reminded_count", "contacted_count"):
        assert sum(getattr(line, count) for line in lines) == total


async def test_no_personal_data_are_in_logs_or_spans(outcome, played, stack):
    folders = [stack.directory / "logs", stack.directory / "spans"]
    assert any(folders[1].iterdir())
    assert leaks(Samples(played["plan"].people), folders) == []


async def post(door, delivery):
    headers = signed_headers(delivery, door.key, now_s=time.time())
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
        session.post(door.url, data=delivery.body, headers=headers) as answer,
    ):
        return answer.status, dict(answer.headers)


async def test_while_nats_is_down_deliveries_are_accepted_and_arrive_afterwards(
    outcome, known, stack, make_plan
):
    door = (await open_doors(known, stack))["website_form"]
    before = (await current_ledger(known)).total
    [delivery] = simple_deliveries(1, seed=901, at=_now())
    await asyncio.to_thread(stack.kill, "nats")

    status, _ = await post(door, delivery)
    await stack.start("nats")

    assert status == 202
    await eventually(
        lambda: _assigned_is(known, before.assigned_count + 1), deadline_s=45, what="assignment"
    )


async def test_while_the_database_is_down_the_answer_is_503_and_nothing_accepted_is_lost(
    outcome, known, stack
):
    door = (await open_doors(known, stack))["website_form"]
    before = (await current_ledger(known)).total
    accepted, refused = simple_deliveries(2, seed=902, at=_now())

    assert (await post(door, accepted))[0] == 202
    await asyncio.to_thread(stack.kill, "postgres")
    status, headers = await post(door, refused)
    await stack.start("postgres")

    assert status == 503
    assert int(headers["Retry-After"]) >= 1
    await eventually(
        lambda: _assigned_is(known, before.assigned_count + 1), deadline_s=45, what="assignment"
    )
    assert await eventually(lambda: _accepted_again(door, refused), deadline_s=30)


async def test_an_empty_managers_mailbox_does_not_stop_the_sms(outcome, known, posting):
    vendors, mail = MessageVendors(), MailServer(strangers={"gone@crm.example"})
    async with AsyncExitStack() as cleanup:
        http = HttpHost("127.0.0.1", 0, vendors)
        for server in (http, mail):
            await server.start()
            cleanup.push_async_callback(server.stop)
        await _introduce_manager(known, f"http://127.0.0.1:{http.port}", mail.port)
        post = await cleanup.enter_async_context(posting(known, "mailbox", ["website_form"]))
        fields = {"name": "示例格", "mobile": "13800138005", "city": "拉萨", "industry": "教育"}
        (lead_id,) = json.loads(await post("website_form", {"fields": fields})).values()

        (message,) = await eventually(
            lambda: vendors.taken("aliyun_sms"), deadline_s=30, what="a text message"
        )
        sent = await eventually(lambda: _tried(known, lead_id), what="both tries")

    assert message.to == "13800138006"
    assert sent == {("aliyun_sms", "accepted", ""), ("smtp", "refused", "smtp 550")}
    assert mail.mails == []


async def _introduce_manager(known, vendors_url, mail_port):
    """A rep whose manager has a number, and a mailbox that there is not."""
    sms = {"access_key_id": "chain", "sign_name": "示例", "template_code": "SMS_1"}
    sms["access_key_secret"] = MessageVendors.secret
    mail = {"from": "crm@crm.example", "tls": "none"}
    accounts = [("sms", "aliyun_sms", vendors_url, sms)]
    accounts.append(("mail", "smtp", f"smtp://127.0.0.1:{mail_port}", mail))
    names = ("account_id", "medium", "url", "settings")
    await put_accounts(known, [pb.Account(**dict(zip(names, a, strict=True))) for a in accounts])
    places = [
        pb.Address(medium="aliyun_sms", to="+8613800138006", account_id="sms"),
        pb.Address(medium="smtp", to="gone@crm.example", account_id="mail"),
    ]
    await put_recipients(known, [pb.Recipient(recipient_id="manager-lhasa", addresses=places)])
    covers = {"provinces": ["西藏"], "cities": ["拉萨"]}
    await put_reps(
        known, [Rep(rep_id="rep-lhasa", manager_id="manager-lhasa", active=True, **covers)]
    )


async def _tried(known, lead_id):
    """The manager's messages about a lead, once each has been answered; else nothing."""
    with known.asking("notification") as channel:
        request = pb.ListRemindersRequest(lead_id=lead_id)
        reminders = (await NotificationServiceStub(channel).ListReminders(request)).reminders
    sends = [
        send
        for reminder in reminders
        if reminder.kind_name == "contact_overdue"
        for send in reminder.sends
    ]
    found = {(send.medium, send.state, send.last_error) for send in sends}
    return found if len(found) == 2 and "queued" not in {state for _, state, _ in found} else None


async def _accepted_again(door, delivery):
    return (await post(door, delivery))[0] == 202


async def _assigned_is(known, count):
    """Whether the ledger says so; while services find their way back, none is to be had."""
    try:
        ledger = await current_ledger(known)
    except NotAnswered as failure:
        if failure.code != "UNAVAILABLE":
            raise
        return False
    return ledger.total.assigned_count == count


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)
