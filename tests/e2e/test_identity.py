"""One customer over the whole stack: seventeen spellings, three systems with other keys, calls of all systems."""

import asyncio
import json
import subprocess
import sys
import time
from functools import partial

import pytest
from leadchain.identity.v1 import crosswalk_service_pb2 as crosswalk
from leadchain.identity.v1 import customer360_service_pb2 as pictures
from leadchain.identity.v1.crosswalk_service_pb2_grpc import CrosswalkServiceStub
from leadchain.identity.v1.customer360_service_pb2_grpc import (
    ContactabilityServiceStub,
    Customer360ServiceStub,
)
from leadchain.identity.v1.identity_service_pb2 import GetIdentityRequest
from leadchain.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from leadctl.clients import NotAnswered
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CHANNELS = ("erp_change", "call_record", "support_ticket", "website_form")
SPELLINGS = (
    "张伟", "张先生", "张总", "张经理", "张工", "老张", "小张", "销售张", "張偉", "张 伟", "张伟（采购）",
    "Zhang Wei", "Wei Zhang", "ZHANG WEI", "Zhang W.", "zhangwei", "Mr. Zhang",
)  # fmt: skip
PHONES = (
    "13800170001",
    "+86 138 0017 0001",
    "138-0017-0001",
    "0086 13800170001",
    "１３８００１７０００１",
)
MODIFIED_AT = "2026-01-25T13:30:00+08:00"
USCC = "91440300708461136T"
RENEWED, UNTOUCHED = 327, 20


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture
async def post(known, posting):
    """Posts a body to a channel, as its system would; what was answered."""
    async with posting(known, "identity", CHANNELS) as posted:

        async def post(channel, body):
            return json.loads(await posted(channel, body))

        yield post


async def customer_of(known, system, key):
    """The Golden ID of a row of a system, once it has one."""

    async def asked():
        request = crosswalk.LookUpKeyRequest(system=system, key=key)
        try:
            with known.asking("identity") as channel:
                return (await CrosswalkServiceStub(channel).LookUpKey(request)).golden_id
        except NotAnswered as problem:
            if problem.code == "NOT_FOUND":
                return None
            raise

    return await eventually(asked, deadline_s=30, what=f"the customer of {key}")


async def customer_of_lead(known, lead_id):
    async def asked():
        try:
            with known.asking("identity") as channel:
                answer = await IdentityServiceStub(channel).GetIdentity(
                    GetIdentityRequest(lead_id=lead_id)
                )
                return answer.golden_id
        except NotAnswered as problem:
            if problem.code == "NOT_FOUND":
                return None
            raise

    return await eventually(asked, deadline_s=30, what="the customer of a lead")


def old_crm(key, **fields):
    return {
        "entity": "customer",
        "key": key,
        "modified_at": "2026-01-25T13:30:00+08:00",
        "fields": fields,
    }


async def test_seventeen_spellings_in_the_old_crm_and_a_lead_are_one_customer(known, post) -> None:
    rows = [
        old_crm(
            f"A{number}",
            customer_name=name,
            mobile=PHONES[number % len(PHONES)],
            company="示例电子有限公司",
        )
        for number, name in enumerate(SPELLINGS)
    ]
    rows.append(
        old_crm("B0", customer_name="章伟", mobile="13800170002", company="另外一家贸易有限公司")
    )
    rows.append(old_crm("B1", customer_name="张伟", mobile="138****0001"))

    await post("erp_change", {"system": "old_crm", "changes": rows})
    lead = await post("website_form", {"fields": {"name": "张伟", "mobile": "13800170001"}})

    found = [await customer_of(known, "old_crm", f"A{number}") for number in range(len(SPELLINGS))]
    assert len(set(found)) == 1
    assert await customer_of_lead(known, lead_id_of(lead)) == found[0]
    others = {await customer_of(known, "old_crm", key) for key in ("B0", "B1")}
    assert len(others | {found[0]}) == 3


def lead_id_of(answer):
    return answer.get("lead_id") or answer.get("delivery_id") or next(iter(answer.values()))


async def test_three_systems_with_other_keys_are_one_customer_from_every_side(
    known, post, stack
) -> None:
    erp = {
        "客户名称": "示例机电设备有限公司",
        "联系人": "李娜",
        "统一社会信用代码": USCC,
        "应收余额": "120000.00",
    }
    u8 = {
        "cCusName": "深圳市示例机电设备有限公司",
        "cCusPerson": "李娜",
        "cCusHand": "13800170011",
        "cCusCreditCode": USCC,
    }
    ticket = {"客户姓名": "李女士", "客户电话": "138 0017 0011", "投诉类型": "质量问题"}
    told = [
        ("kingdee", "customer", "K-1", erp),
        ("u8", "customer", "U-1", u8),
        ("tickets", "ticket", "T-1", ticket),
    ]

    for system, entity, key, fields in told:
        row = {"entity": entity, "key": key, "fields": fields, "modified_at": MODIFIED_AT}
        await post("erp_change", {"system": system, "changes": [row]})
    await post("support_ticket", {
        "event": "ticket.created", "ticket_id": "T-360", "customer_phone": "13800170011", "type": "投诉",
        "priority": "urgent", "created_at": "2026-02-07T10:00:00+08:00", "status": "open",
    })  # fmt: skip

    async def one_customer() -> str | None:
        # Rows of different systems are resolved apart, in any order; they meet once all are there.
        keys = (("u8", "U-1"), ("kingdee", "K-1"), ("tickets", "ticket/T-1"))
        found = {await customer_of(known, system, key) for system, key in keys}
        return found.pop() if len(found) == 1 else None

    golden_id = await eventually(one_customer, deadline_s=30, what="one customer")
    snapshot = await eventually(
        partial(snapshot_with_ticket, known, golden_id), deadline_s=30, what="the complaint"
    )
    fields = {field.name: field.value for field in snapshot.fields}
    assert (fields["credit_limit"], fields["service_risk"]) == ("120000", "高")
    assert {source.system for source in snapshot.sources.sources} >= {"kingdee", "u8", "tickets"}
    report = await leadctl(stack, "crosswalk", "report", "--missing", "1000", exit_codes=(0, 1))
    systems = {each["system"]: each for each in report["systems"]}
    missing = {(name, row["key"]) for name, each in systems.items() for row in each["missing"]}
    assert all(systems[system]["mapped_count"] > 0 for system, *_ in told)
    assert missing.isdisjoint({(system, key) for system, _, key, _ in told})
    assert systems["tickets"]["mapped_count"] == systems["tickets"]["row_count"]


async def snapshot_with_ticket(known, golden_id):
    request = pictures.GetCustomer360Request(id=golden_id)
    with known.asking("identity") as channel:
        answer = await Customer360ServiceStub(channel).GetCustomer360(request)
    return answer if answer.tickets.tickets else None


async def leadctl(stack, *arguments, exit_codes=(0,)):
    """What a command of identity's says in JSON; a report of what is not whole ends with 1."""
    command = [
        sys.executable, "-m", "leadctl", "identity", *arguments, "--json",
        "--target", f"identity={stack.targets()['identity'].grpc}",
        "--token-file", str(stack.operator_token_file()),
    ]  # fmt: skip
    done = await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in exit_codes, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


async def test_each_of_327_renewed_customers_is_left_alone_after_three_calls(known, post) -> None:
    numbers = range(RENEWED + UNTOUCHED)
    for first in range(0, len(numbers), 50):
        rows = [
            old_crm(f"R{n}", customer_name=f"赵{chr(0x4E00 + n)}", mobile=f"1380018{n:04}")
            for n in numbers[first : first + 50]
        ]
        await post("erp_change", {"system": "old_crm", "changes": rows})
    calls = [(n, call) for n in numbers for call in range(3 if n < RENEWED else 2)]
    gate = asyncio.Semaphore(16)

    async def called(number, call):
        async with gate:
            await post("call_record", {
                "call_id": f"c-{number}-{call}", "direction": "outbound", "customer_phone": f"1380018{number:04}",
                "agent": f"rep-{call}", "result": "answered", "duration_s": 40,
                "started_at": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 86_400 * (call + 1))),
            })  # fmt: skip

    async with asyncio.TaskGroup() as tasks:
        for number, call in calls:
            tasks.create_task(called(number, call))

    golden_ids = [await customer_of(known, "old_crm", f"R{n}") for n in numbers]
    refused = await eventually(
        partial(refused_calls, known, golden_ids, len(calls)), deadline_s=60, what="every call"
    )
    assert refused == [True] * RENEWED + [False] * UNTOUCHED


async def refused_calls(known, golden_ids, call_count):
    """Who may not be called to renew; None until all calls are known."""
    with known.asking("identity") as channel:
        stub = ContactabilityServiceStub(channel)
        answers = await asyncio.gather(*(
            stub.MayContact(pictures.MayContactRequest(
                id=golden_id,
                purpose=pictures.CONTACT_PURPOSE_RENEWAL,
                channel=pictures.CONTACT_CHANNEL_CALL,
            ))
            for golden_id in golden_ids
        ))  # fmt: skip
    if sum(answer.contact_count for answer in answers) < call_count:
        return None
    return [not answer.may for answer in answers]
