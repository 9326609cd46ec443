"""From a form to money: the owner calls and follows up, the contract is signed, the deposit comes, the deal is won."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import OKPKey
from leadchain.assignment.v1.assignment_service_pb2 import GetAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.engagement.v1 import behaviours_service_pb2 as behaviours_pb
from leadchain.engagement.v1 import follow_ups_service_pb2 as follow_ups_pb
from leadchain.engagement.v1 import opportunities_service_pb2 as opportunities_pb
from leadchain.engagement.v1 import stages_service_pb2 as stages_pb
from leadchain.engagement.v1 import standings_service_pb2 as standings_pb
from leadchain.engagement.v1 import tasks_service_pb2 as tasks_pb
from leadchain.engagement.v1.behaviours_service_pb2_grpc import BehavioursServiceStub
from leadchain.engagement.v1.follow_ups_service_pb2_grpc import FollowUpsServiceStub
from leadchain.engagement.v1.opportunities_service_pb2_grpc import OpportunitiesServiceStub
from leadchain.engagement.v1.stages_service_pb2_grpc import StagesServiceStub
from leadchain.engagement.v1.standings_service_pb2_grpc import StandingsServiceStub
from leadchain.engagement.v1.tasks_service_pb2_grpc import TasksServiceStub
from leadchain.permissions.v1 import sessions_service_pb2 as sessions_pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import DevicesServiceStub
from leadchain.reporting.v1 import rates_service_pb2 as rates_pb
from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub
from leadctl.clients import NotAnswered
from leadctl.consent import with_approval
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CHANNELS = ("website_form", "call_record", "esign_contract", "wechat_pay")
PHONE = "13800190001"
AMOUNT = 5_000_000
RENEWING = "13800190002"
FORM = {
    "name": "示例孙先生", "mobile": PHONE, "company": "示例成交有限公司", "city": "深圳", "industry": "教育",
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture
async def post(known, posting):
    async with posting(known, "deals", CHANNELS) as post:
        yield post


def asking(services, service, stub):
    """A call of a service, by name, whose refusals are exceptions."""

    async def ask(method, request):
        with services.asking(service) as channel:
            return await getattr(stub(channel), method)(request)

    return ask


async def once(ask, method, request, wanted=lambda answer: answer):
    """An answer as soon as it is the wanted one; until then a service may not know, or not let anybody."""
    refusals = []

    async def tried():
        try:
            answer = await ask(method, request)
        except NotAnswered as problem:
            refusals.append(str(problem))
            if problem.code not in {"NOT_FOUND", "PERMISSION_DENIED"}:
                raise
            return None
        return answer if wanted(answer) else None

    try:
        return await eventually(tried, deadline_s=30, what=method)
    except TimeoutError as late:
        raise AssertionError(f"{late}; refused: {refusals[-1:]}") from None


def follow_up(lead_id):
    request = follow_ups_pb.RecordFollowUpRequest(lead_id=lead_id, follow_up_id=new_id())
    said = request.statement
    said.objection.word, said.response.word, said.next_action.word = "price", "sent_case", "quote"
    said.due_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    request.evidence.add().call.seconds = 90
    attachment = request.evidence.add().attachment
    attachment.sha256, attachment.media_type, attachment.size_bytes = "a" * 64, "image/png", 1000
    return request


async def device_of(as_person, person):
    """A device of somebody's, agreed to by two others, since people work from known devices only."""
    proof = {"amr": ["pwd", "otp"], "auth_time": time.time()}
    public_key = json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False))
    async with (
        as_person(person) as owner,
        as_person("security-1", **proof) as officer,
        as_person("director", **proof) as director,
    ):
        enrol = asking(owner, "permissions", DevicesServiceStub)
        request = sessions_pb.RegisterDeviceRequest(public_key_jwk=public_key)
        device_id = (await enrol("RegisterDevice", request)).device_id
        decide = asking(officer, "permissions", DevicesServiceStub)

        async def approve(approval_id):
            wanted = {"device_id": device_id, "approval_id": approval_id}
            return await decide("ApproveDevice", sessions_pb.ApproveDeviceRequest(**wanted))

        await with_approval(officer, (director,), approve)
    return device_id


class Owner:
    """What the owner of a lead does with it, over gRPC with a token of their own."""

    def __init__(self, services, lead_id):
        self.lead_id = lead_id
        self.opportunities = asking(services, "engagement", OpportunitiesServiceStub)
        self.follow_ups = asking(services, "engagement", FollowUpsServiceStub)
        self.stages = asking(services, "engagement", StagesServiceStub)
        self.behaviours = asking(services, "engagement", BehavioursServiceStub)

    async def opportunity(self):
        """Their opportunity, once it is open."""
        request = opportunities_pb.GetOpportunityRequest(lead_id=self.lead_id)
        return (await once(self.opportunities, "GetOpportunity", request)).opportunity

    async def follow_up(self):
        """Says that they called and have a file to show."""
        request = follow_up(self.lead_id)
        return (await once(self.follow_ups, "RecordFollowUp", request)).follow_up

    async def counts(self):
        """Waits until what they did counts."""
        request = follow_ups_pb.ListFollowUpsRequest(lead_id=self.lead_id)
        is_effective = lambda answer: answer.follow_ups[0].HasField("effective_at")  # noqa: E731
        await once(self.follow_ups, "ListFollowUps", request, is_effective)

    async def heard(self):
        """What was found in what the customer said, once something was."""
        request = behaviours_pb.ListBehavioursRequest(lead_id=self.lead_id)
        some = lambda answer: answer.behaviours  # noqa: E731
        found = await once(self.behaviours, "ListBehaviours", request, some)
        return {each.tag for each in found.behaviours}

    async def set_amount(self):
        """Says what the deal is worth."""
        request = stages_pb.SetDealRequest(lead_id=self.lead_id)
        request.deal.amount_minor = AMOUNT
        await self.stages("SetDeal", request)

    async def paid(self):
        """The stage, once it is paid, and the moves to it."""
        request = stages_pb.GetStageRequest(lead_id=self.lead_id)
        stage = await once(self.stages, "GetStage", request, lambda it: it.stage == "paid")
        listing = stages_pb.ListMovesRequest(lead_id=self.lead_id)
        return stage, (await self.stages("ListMoves", listing)).moves


async def assigned(known, lead_id, wanted):
    """How assignment has the lead, once that is as wanted."""
    ask = asking(known, "assignment", AssignmentServiceStub)
    return await once(ask, "GetAssignment", GetAssignmentRequest(lead_id=lead_id), wanted)


def called(lead_id, agent):
    """The telephone system tells of a call of five minutes."""
    return {
        "call_id": f"deal-{lead_id}", "direction": "outbound", "customer_phone": PHONE, "agent": agent,
        "result": "answered", "started_at": now(), "duration_s": 300,
        "transcript": "坐席: 您好\n客户: 价格太高，先试试",
    }  # fmt: skip


def signed(lead_id):
    """The signing platform tells that all have signed."""
    at_ms = round(time.time() * 1000)
    return {
        "action": "SIGN_FLOW_COMPLETE", "timestamp": at_ms, "signFlowId": f"deal-{lead_id}",
        "signFlowStatus": "2", "signFlowFinishTime": at_ms, "customBizNum": f"lead:{lead_id}",
    }  # fmt: skip


def paid(lead_id, opportunity_no):
    """The payment provider tells of a fifth of the amount."""
    resource = {
        "transaction_id": f"deal-{lead_id}", "out_trade_no": "DEAL-1", "trade_state": "SUCCESS",
        "attach": f"opportunity:{opportunity_no}", "success_time": now(),
        "amount": {"total": AMOUNT // 5, "currency": "CNY"},
    }  # fmt: skip
    envelope = {"id": f"EV-{lead_id}", "event_type": "TRANSACTION.SUCCESS"}
    return {"envelope": envelope, "resource": resource}


def now():
    return datetime.now(UTC).isoformat(timespec="seconds")


async def done_in_time(known, rep_id):
    """What the follow-up rates know of a rep's assignments, once they know that something counts."""
    request = rates_pb.GetFollowUpRatesRequest(grouping=rates_pb.RATE_GROUPING_REP)
    of_rep = lambda answer: [line.counts for line in answer.lines if line.key == rep_id]  # noqa: E731
    is_known = lambda answer: any(counts.running_done_count for counts in of_rep(answer))  # noqa: E731
    answer = await once(
        asking(known, "reporting", RatesServiceStub), "GetFollowUpRates", request, is_known
    )
    return of_rep(answer)[0]


async def test_a_lead_becomes_a_deal_that_is_paid(post, known, as_person):
    (lead_id,) = json.loads(await post("website_form", {"fields": FORM})).values()
    owner_id = (await assigned(known, lead_id, lambda it: it.assignee_id)).assignee_id
    device_id = await device_of(as_person, owner_id)

    async with as_person(owner_id, device_id=device_id) as theirs:
        owner = Owner(theirs, lead_id)
        opportunity = await owner.opportunity()
        recorded = await owner.follow_up()
        await assigned(known, lead_id, lambda it: it.HasField("contacted_at"))
        await post("call_record", called(lead_id, owner_id))
        await owner.counts()
        in_time = await done_in_time(known, owner_id)
        heard = await owner.heard()
        await owner.set_amount()
        await post("esign_contract", signed(lead_id))
        await post("wechat_pay", paid(lead_id, opportunity.opportunity_no))
        stage, moves = await owner.paid()
        won = await owner.opportunity()

    assert not recorded.HasField("effective_at")
    assert (in_time.running_done_count >= 1, in_time.due_72h_count) == (True, 0)
    assert heard == {"price_sensitive", "trial_intent"}
    assert stage.deal.received_minor == AMOUNT // 5
    assert [move.to_stage for move in moves] == ["signed", "paid"]
    assert won.state == "won"


def nightly_row(lead_id):
    """The business system tells at night of a customer who may not go on."""
    days_from_now = lambda days: (datetime.now(UTC) + timedelta(days=days)).isoformat()  # noqa: E731
    account = {
        "account_id": f"A-{lead_id}", "contact_phone": RENEWING, "agreement_ends_at": days_from_now(59),
        "last_login_at": days_from_now(-31), "daily_active_7d": 12, "accounts": 60, "contracted_modules": 10,
        "delivered_modules": 5, "recent_payments": 3, "recent_payments_on_time": 3,
    }  # fmt: skip
    return {"measured_at": now(), "accounts": [account]}


async def test_a_nightly_row_asks_the_owner_to_save_a_renewal(posting, known, as_person):
    async with posting(known, "renewals", ("website_form", "account_standing")) as post:
        form = {"fields": FORM | {"mobile": RENEWING, "company": "示例续约有限公司"}}
        (lead_id,) = json.loads(await post("website_form", form)).values()
        owner_id = (await assigned(known, lead_id, lambda it: it.assignee_id)).assignee_id
        device_id = await device_of(as_person, owner_id)
        async with as_person(owner_id, device_id=device_id) as theirs:
            await Owner(theirs, lead_id).opportunity()
            await post("account_standing", nightly_row(lead_id))
            tasks = asking(theirs, "engagement", TasksServiceStub)
            of_lead = lambda answer: [each for each in answer.tasks if each.lead_id == lead_id]  # noqa: E731
            listed = await once(tasks, "ListTasks", tasks_pb.ListTasksRequest(), of_lead)
            request = standings_pb.GetHealthRequest(lead_id=lead_id)
            standings = asking(theirs, "engagement", StandingsServiceStub)
            health = await once(standings, "GetHealth", request, lambda it: it.weeks)

    (task,) = of_lead(listed)
    assert (task.kind, task.assignee_id) == ("renewal_touch", owner_id)
    due_in = task.due_at.ToDatetime(tzinfo=UTC) - task.opened_at.ToDatetime(tzinfo=UTC)
    assert due_in == timedelta(hours=72)
    alarms = {each.name for each in health.health.dimensions if each.is_alarm}
    assert alarms == {"activity", "delivery"}
    assert health.health.score == health.weeks[0].score
