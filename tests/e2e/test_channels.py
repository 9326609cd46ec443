"""Every channel over the whole stack: each sample signed, answered as its vendor wants, read, and decided about."""

import asyncio
import base64
import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus
from uuid import UUID

import aiohttp
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from leadchain.assignment.v1.assignment_service_pb2 import GetAssignmentRequest
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.intake.v1 import events_pb2
from leadchain.intake.v1.intake_service_pb2 import GetLeadRequest
from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from leadchain.intake.v1.mappings_service_pb2 import CheckMappingRequest, PublishMappingRequest
from leadctl.accounts import put_account
from leadctl.demo.deciders import GOVERNOR, changing
from leadctl.demo.environment import addresses, introduce_people
from leadctl.demo.graph_leads import put_graph_leads
from leadctl.demo.people import Person
from leadctl.demo.personal_data import Samples, leaks
from leadctl.fakes.sample_senders import (
    AES_KEY,
    RECEIVER,
    TOKEN,
    SampleSender,
    documents,
    keys_for,
    sample_senders,
)
from leadctl.fakes.signing import wx_decrypt
from leadctl.ledger import current_ledger
from leadctl.mappings import check_mapping, publish_mapping
from servicekit.sealing import KeyRing
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CHANNEL_FILES = Path(__file__).parents[2] / "services/lead-intake/lead_intake/channels"
NEVER_POSTED = "file_import"
BARE_SHEET = "feishu_bitable"

SAY_SUCCESS = (
    *("alipay_trade", "wecom_contact_changes", "wecom_customer"),
    *("wechat_messages", "wechat_receipts", "wechat_service_account", "wechat_service_plain"),
)
ANSWERS = {
    **dict.fromkeys(SAY_SUCCESS, "success"),
    "aliyun_sms_receipt": '{"code":0,"msg":"接收成功"}',
    "baidu_jimuyu": '{"code":0,"message":"success"}',
    "douyin_open": "",
    "esign_contract": '{"code":"200","msg":"success"}',
    "facebook_leadgen": "",
    "feishu_bitable": "{}",
    "google_lead_form": "{}",
    "jiandaoyun_form": "",
    "ocean_engine_feiyu": '{"code":200,"message":"success"}',
    "tencent_meeting": "successfully received callback",
    "wechat_pay": "",
}
"""What each vendor waits for with status 200, to the byte. 钉钉 wants a sealed word, the rest take 202 and an id."""

FACT_EVENTS = {
    "contract": "ContractReported",
    "payment": "PaymentReported",
    "interaction": "InteractionReported",
    "receipt": "ReceiptReported",
    "ticket": "TicketReported",
    "record": "SourceRecordChanged",
    "account": "AccountReported",
    "company_risk": "CompanyRiskReported",
}
NOT_ON_THE_BUS = {"consent.purposes", "lines"}
"""What a sample says and the event does not in the clear: it is kept with the consent, or sealed as what was said."""

SOURCES = [each for each in sample_senders(CHANNEL_FILES) if each.account != NEVER_POSTED]
LEADS = [source for source in SOURCES if source.facts == "lead"]
FACTS = [source for source in SOURCES if source.facts != "lead"]


async def open_accounts(known, stack, wanted):
    """The path of each source's account, put by one person with the consent of two others."""
    async with changing(known, stack) as change:

        async def put(request, approval_id):
            request.approval_id = approval_id
            return await put_account(change.author, request)

        answers = [await change.approved(partial(put, source.new_account())) for source in wanted]
    return {source.account: answer.path for source, answer in zip(wanted, answers, strict=True)}


@asynccontextmanager
async def posting(stack):
    timeout = aiohttp.ClientTimeout(total=15)
    base_url = stack.targets()["lead-intake"].http
    async with aiohttp.ClientSession(base_url, timeout=timeout) as http:
        yield http


async def delivered(http, path, source):
    """The status and body of the answer, once the service has heard of the account."""

    async def answer():
        keys = await with_bearer(http, source, keys_for(source.kind))
        signed = source.signed(keys, at_s=time.time())
        sent = http.post(path, data=signed.raw, headers=signed.headers, params=signed.query)
        async with sent as response:
            return None if response.status == 404 else (response.status, await response.read())

    return await eventually(answer, what=f"an answer to {source.account}")


async def with_bearer(http, source, keys):
    if source.kind != "oauth2_bearer":
        return keys
    named = (f"{source.channel_name}/{source.account}", keys.signing)
    shown = base64.b64encode(":".join(map(quote_plus, named)).encode()).decode()
    form, headers = {"grant_type": "client_credentials"}, {"authorization": f"Basic {shown}"}
    async with http.post("/oauth2/token", data=form, headers=headers) as response:
        told = await response.json()
        return replace(keys, bearer=told.get("access_token", ""))


@dataclass
class Told:
    """What was answered to each account, and what the stack said of it when all had come to rest.

    `accepted` counts the leads that came, by channel.
    """

    answers: dict
    events: list
    ledger: object
    accepted: Counter

    def leads(self, source):
        """The leads of a source, in the order of their items."""
        said = [event for name, event in self.events if name == "LeadReceived"]
        return [event for event in said if event.facts.account == source.account]

    def facts(self, source):
        """The other facts of a source: the names of their events, and the events."""
        said = [each for each in self.events if each[0] in FACT_EVENTS.values()]
        return [(name, event) for name, event in said if event.origin.account == source.account]


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture(scope="module")
def kept():
    """The module's one round of deliveries."""
    return {}


@pytest.fixture
async def told(kept, known, stack, intake_events):
    if not kept:
        await introduce_people(known, stack)
        before = accepted_by_channel(await eventually(partial(whole, known), deadline_s=60))
        paths = await open_accounts(known, stack, SOURCES)
        await put_graph_leads(addresses(stack).graph_api, graph_leads())
        async with posting(stack) as http:
            answers = {
                each.account: await delivered(http, paths[each.account], each) for each in SOURCES
            }
        ledger = await eventually(
            partial(at_rest, known, before), deadline_s=60, what="a ledger at rest"
        )
        events = await eventually(
            partial(all_told, intake_events), deadline_s=30, what="every event"
        )
        kept["told"] = Told(answers, events, ledger, accepted_by_channel(ledger) - before)
    return kept["told"]


def graph_leads():
    return {
        expected["external_id"]: source.sample["fetched"]
        for source in LEADS
        if "fetched" in source.sample
        for expected in source.expected
    }


async def whole(known):
    """The ledger, made of the books of all services."""
    ledger = await current_ledger(known)
    return None if ledger.unreachable else ledger


def accepted_by_channel(ledger):
    accepted = Counter()
    for line in ledger.lines:
        accepted[line.channel] += line.accepted_count
    return accepted


async def at_rest(known, before):
    """The ledger once every lead is on it and decided about."""
    ledger = await whole(known)
    wanted = before.total() + sum(len(source.expected) for source in LEADS)
    is_whole = ledger and ledger.total.accepted_count >= wanted and not ledger.in_flight_count
    return ledger if is_whole else None


async def all_told(intake_events):
    """Every event about what the sources delivered."""
    events = await intake_events({source.account for source in SOURCES})
    return events if len(events) >= sum(len(source.expected) for source in SOURCES) else None


def flat(message, prefix=""):
    """What a message says, as names and texts like those of samples."""
    said = {}
    for field, value in message.ListFields():
        name = prefix + field.name.replace("consent_", "consent.")
        if isinstance(value, Timestamp):
            said[name] = value.ToDatetime(tzinfo=UTC).isoformat()
        elif field.message_type and field.message_type.GetOptions().map_entry:
            said |= {f"{name}.{key}": each for key, each in value.items()}
        elif field.message_type:
            said |= flat(value, f"{field.name}." if field.name == "region" else "")
        elif field.enum_type:
            said[name] = worded(field.enum_type, value)
        elif isinstance(value, str | bool | int):
            said[name] = str(value).lower() if isinstance(value, bool) else str(value)
        elif not isinstance(value, bytes):
            said[name] = ", ".join(map(str, value))
    return said


def worded(enum, number):
    prefix = re.sub("(?<=[a-z])(?=[A-Z])", "_", enum.name).upper()
    return enum.values_by_number[number].name.removeprefix(f"{prefix}_").lower()


def opened(stack, sealed, item_id):
    """What was sealed for an item; nothing of nothing."""
    ring = KeyRing.parse(stack.identities.field_keys().ring)
    return ring.open(sealed, UUID(item_id).bytes) if sealed else b""


def contact_in(stack, sealed, item_id):
    return flat(events_pb2.Contact.FromString(opened(stack, sealed, item_id)))


def said_by_lead(stack, event):
    return flat(event.facts) | contact_in(stack, event.facts.sealed_contact, event.lead_id)


def said_by_fact(stack, event):
    item_id = event.origin.item_id
    said = flat(event) | contact_in(stack, event.subject.sealed_contact, item_id)
    fields = json.loads(opened(stack, getattr(event, "sealed_fields", b""), item_id) or b"{}")
    return said | {f"fields.{name}": value for name, value in fields.items()}


def unlike(source, expected, said):
    """What a sample wants and was not said; trust and mapping are those of the channel's file."""
    wanted = {name: str(value) for name, value in expected.get("values", {}).items()}
    wanted |= {"trust": source.channel["trust"], "mapping_version": str(source.version)}
    if "external_id" in expected:
        wanted["external_id"] = expected["external_id"]
    if "flags" in expected:
        wanted["flags"] = ", ".join(expected["flags"])
    return {
        name: (value, said.get(name))
        for name, value in wanted.items()
        if name not in NOT_ON_THE_BUS
        and said.get(name, "false" if value == "false" else "") != value
    }


def is_right_answer(source, answer):
    status, body = answer
    if source.channel_name in ANSWERS:
        return (status, body.decode()) == (200, ANSWERS[source.channel_name])
    if source.channel_name == "dingtalk_event":
        return status == 200 and is_sealed_success(json.loads(body))
    return status == 202 and UUID(json.loads(body)["id"]).version == 7


def is_sealed_success(answer):
    parts = (TOKEN, answer["timeStamp"], answer["nonce"], answer["encrypt"])
    signature = hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()
    is_signed = signature == answer["msg_signature"]
    return is_signed and wx_decrypt(answer["encrypt"], AES_KEY) == (b"success", RECEIVER)


async def test_every_sender_gets_exactly_the_answer_it_waits_for(told):
    wrong = {
        source.account: told.answers[source.account]
        for source in SOURCES
        if not is_right_answer(source, told.answers[source.account])
    }

    assert wrong == {}
    assert {source.channel_name for source in SOURCES} >= ANSWERS.keys()


def pairs(source, said):
    """What must come of each item with what was said of it: by the sender's ids, else in order."""
    assert len(said) == len(source.expected), source.account
    by_id = {each["external_id"]: each for each in said if "external_id" in each}
    return [
        (expected, by_id.get(expected.get("external_id"), in_order))
        for expected, in_order in zip(source.expected, said, strict=True)
    ]


async def test_every_lead_is_read_as_its_sample_says(told, stack):
    wrong = {}
    for source in LEADS:
        said = [said_by_lead(stack, event) for event in told.leads(source)]
        for expected, found in pairs(source, said):
            if differences := unlike(source, expected, found):
                wrong[source.account] = differences

    assert wrong == {}


async def test_a_lead_is_shown_with_its_facts_and_without_the_person(told, known):
    for source in LEADS:
        for event in told.leads(source):
            with known.asking("lead-intake") as channel:
                shown = await IntakeServiceStub(channel).GetLead(
                    GetLeadRequest(lead_id=event.lead_id)
                )

            event.facts.ClearField("sealed_contact")
            assert (shown.state, shown.facts) == ("received", event.facts), source.account


async def test_assignment_has_decided_about_every_lead(told, known):
    undecided = []
    for source in LEADS:
        for event in told.leads(source):
            with known.asking("assignment") as channel:
                decided = await AssignmentServiceStub(channel).GetAssignment(
                    GetAssignmentRequest(lead_id=event.lead_id)
                )
            has_owner = bool(decided.assignee_id)
            if (decided.state, has_owner) not in {
                ("assigned", True), ("waiting", False), ("merged", True), ("merged", False),
            }:  # fmt: skip
                undecided.append((source.account, decided.state))

    assert undecided == []


async def test_the_ledger_has_every_lead_and_nothing_else(told, stack):
    shown = await leadctl(stack, "ledger", "--json")

    assert shown.returncode == 0, shown.stderr
    expected = Counter()
    for source in LEADS:
        expected[source.channel_name] += len(source.expected)
    assert told.accepted == expected
    assert (told.ledger.total.missing_count, list(told.ledger.missing)) == (0, [])


@pytest.mark.parametrize("source", FACTS, ids=lambda source: source.account)
async def test_a_fact_that_is_no_lead_is_told_by_its_own_event(told, stack, source):
    found = told.facts(source)

    assert [name for name, _ in found] == [FACT_EVENTS[source.facts]] * len(source.expected)
    said = [said_by_fact(stack, event) for _, event in found]
    for expected, each in pairs(source, said):
        assert unlike(source, expected, each) == {}
    assert {event.origin.channel for _, event in found} == {source.channel_name}


async def leadctl(stack, *arguments):
    """A command of the operator's, as a process of its own."""
    targets = [
        part
        for service in ("lead-intake", "reporting")
        for part in ("--target", f"{service}={stack.targets()[service].grpc}")
    ]
    command = [
        sys.executable, "-m", "leadctl", *arguments,
        *targets, "--token-file", str(stack.operator_token_file()),
    ]  # fmt: skip
    return await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
    )


async def shown(stack, *arguments, code=0):
    """What a command says in JSON; it must end with `code`."""
    done = await leadctl(stack, *arguments, "--json")
    assert done.returncode == code, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


async def test_channels_are_listed_with_how_far_their_accounts_are_understood(told, stack):
    listed = await shown(stack, "channels", "list")

    channels = {each["channel"]: each for each in listed["channels"]}
    assert set(channels) == set(documents(CHANNEL_FILES / "installed"))
    templates = {one["template"] for each in channels.values() for one in each["templates"]}
    assert templates == set(documents(CHANNEL_FILES / "templates"))
    for source in SOURCES:
        channel = channels[source.channel_name]
        [account] = [one for one in channel["accounts"] if one["account"] == source.account]
        assert channel["trust"] == f"TRUST_{source.channel['trust'].upper()}"
        assert account["accepted_count"] == len(source.expected)
        assert account["quarantined_count"] == 0


async def test_every_shipped_sample_is_read_as_it_says_by_command(told, stack):
    tested = await shown(stack, "channels", "test")

    assert {each["name"] for each in tested} == {
        *documents(CHANNEL_FILES / "installed"),
        *documents(CHANNEL_FILES / "templates"),
    }
    assert [body for each in tested for body in each["bodies"] if body["differences"]] == []


async def test_a_body_of_ones_own_is_tried_by_command_and_a_bad_one_ends_with_1(
    told, stack, tmp_path
):
    [source] = [each for each in SOURCES if each.account == "baidu_jimuyu"]
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(source.body)
    bad.write_text('{"clueId": "1"}')

    read = await shown(stack, "channels", "test", "baidu_jimuyu", str(good))
    unread = await shown(stack, "channels", "test", "baidu_jimuyu", str(bad), code=1)

    assert read["mapping_version"] == source.version
    assert read["bodies"][0]["items"][0]["state"] == "accepted"
    assert source.sample["body"]["cluePhoneNumber"] not in json.dumps(read)
    assert unread["bodies"][0]["items"][0]["reason"] == "no_contact_point"


async def test_the_audit_finds_every_account_live_heard_and_mapped(told, stack):
    audited = await shown(stack, "channels", "audit")

    accounts = {each["account"]: each for each in audited["accounts"]}
    assert set(accounts) >= {source.account for source in SOURCES}
    for source in SOURCES:
        account = accounts[source.account]
        assert account["is_live"], source.account
        assert not account["is_silent"], source.account
        assert account["last_delivery_at"], source.account
        assert account["mapping_version"] == source.version


PERSONAL = (
    "name", "phone_e164", "other_phones", "email", "company", "uscc", "openid", "external_userid", "wechat",
)  # fmt: skip
WRITTEN = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)|[\w.]+@[\w.]+\.\w+")


def unmapped_row():
    """A row of a sheet that nobody has said how to read; it has an id of the sender's."""
    channel = documents(CHANNEL_FILES / "installed")[BARE_SHEET]
    return SampleSender(
        "bare-sheet", channel, {}, documents(CHANNEL_FILES / "samples")[BARE_SHEET][0]
    )


def renamed_field():
    """A form that has begun to call the phone otherwise; it has no id of the sender's."""
    [source] = [each for each in SOURCES if each.account == "website_form"]
    body = source.sample["body"]
    fields = dict(body["fields"])
    fields["mobile_no"] = fields.pop("mobile")
    return replace(
        source,
        account="renamed-field",
        sample={**source.sample, "body": {**body, "fields": fields}},
    )


@pytest.mark.parametrize(
    ("source", "document", "hidden"),
    [
        pytest.param(
            renamed_field(),
            "map: {phones: {path: fields.mobile_no, via: phones}}",
            "00138004",
            id="without an id of the sender's",
        ),
        pytest.param(
            unmapped_row(),
            "map: {wechat: {path: fields.fld9Eabcef, via: text}}",
            "666",
            id="with an id of the sender's",
        ),
    ],
)
async def test_what_was_quarantined_is_listed_shown_masked_and_read_again_by_a_new_mapping(
    told, known, stack, source, document, hidden
):
    place = {"channel": source.channel_name, "account": source.account}
    item = await quarantined(known, stack, source)
    lead_id = item["lead_id"]

    one = await shown(stack, "quarantine", "show", lead_id)
    in_vain = await shown(stack, "quarantine", "replay", lead_id)
    async with changing(known, stack, author=GOVERNOR) as change:
        request = CheckMappingRequest(**place, document=document)
        checked = await check_mapping(change.author, request)
        publication = PublishMappingRequest(**place, document=document, sha256=checked.sha256)
        version = await change.approved(partial(published, change.author, publication))
    again = await shown(stack, "quarantine", "replay", lead_id)

    assert one["item"] == item
    assert hidden not in one["masked_body"]
    assert (in_vain["replayed_count"], in_vain["unchanged_count"]) == (0, 1)
    assert checked.rescued_count == 1
    assert (again["replayed_count"], again["unchanged_count"]) == (1, 0)
    lead = await eventually(partial(received, known, lead_id), what="a lead")
    assert lead.facts.mapping_version == version >= 1000
    assert await listed_as_quarantined(stack, source) == []


async def quarantined(known, stack, source):
    """What is listed of a source's one delivery, which no rule can read."""
    paths = await open_accounts(known, stack, [source])
    async with posting(stack) as http:
        answer = await delivered(http, paths[source.account], source)
    assert is_right_answer(source, answer)
    [item] = await eventually(partial(listed_as_quarantined, stack, source), what="an item")
    assert item["reason"] == "no_contact_point"
    return item


async def listed_as_quarantined(stack, source):
    where = ("--channel", source.channel_name, "--account", source.account)
    return (await shown(stack, "quarantine", "list", *where))["items"]


async def published(author, publication, approval_id):
    publication.approval_id = approval_id
    return (await publish_mapping(author, publication)).version


async def received(known, lead_id):
    with known.asking("lead-intake") as channel:
        lead = await IntakeServiceStub(channel).GetLead(GetLeadRequest(lead_id=lead_id))
    return lead if lead.state == "received" and lead.HasField("facts") else None


async def test_no_persons_data_are_in_logs_or_spans(told, stack):
    folders = [stack.directory / "logs", stack.directory / "spans"]
    assert any(folders[1].iterdir())
    needles = {needle for source in SOURCES for needle in personal(source)}
    assert {"+8613800138004", "13800138002", "赵六", "chen.yu@example.com"} <= needles

    assert leaks(Samples(map(person, needles)), folders) == []
    assert named_in(folders, needles) == {}


def personal(source):
    """What a sample says of people, as it is written there and as it is read."""
    text = source.body.decode("gb18030" if "charset" in source.sample else "utf-8")
    text += json.dumps(source.sample.get("fetched"), ensure_ascii=False)
    yield from WRITTEN.findall(text)
    for expected in source.expected:
        values = {name: str(value) for name, value in expected.get("values", {}).items()}
        yield from (values[name] for name in PERSONAL if len(values.get(name, "")) > 1)


def person(needle):
    phone = needle.removeprefix("+86")
    return Person(
        name="", phone=phone, company="", uscc=needle, email=needle, place=None, industry=""
    )


def named_in(folders, needles):
    """Which of the texts stand in which file, plain or escaped."""
    found = {}
    for file in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        text = file.read_text(encoding="utf-8", errors="replace")
        hits = {each for each in needles if each in text or json.dumps(each).strip('"') in text}
        if hits:
            found[file.name] = hits
    return found
