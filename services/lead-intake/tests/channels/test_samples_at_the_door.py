"""Every sample goes through a running service: signed and answered as its vendor does and wants, read as it says."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from lead_intake.channels.channel_files import ChannelFile, load_channels, load_templates
from lead_intake.channels.shipped_samples import Sample, load_samples
from leadchain.intake.v1 import events_pb2
from leadctl.fakes.signing import SenderKeys, wx_decrypt
from servicekit.sealing import KeyRing
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANNELS = load_channels()
TEMPLATES = load_templates()
STATES = {2: "accepted", 3: "rejected", 4: "quarantined"}
NEVER_POSTED = "file_import"


@dataclass(frozen=True)
class Posted:
    """A sample at an account of its own."""

    file: ChannelFile
    account: str
    template: str
    sample: Sample


def posted() -> Iterable[Posted]:
    for name, samples in load_samples().items():
        file = TEMPLATES.get(name) or CHANNELS[name]
        for number, sample in enumerate(samples):
            template = name if name in TEMPLATES else ""
            if name != NEVER_POSTED and not sample.is_pulled and is_signed_by_the_fake(sample):
                yield Posted(file, f"{name}-{number}", template, sample)


def is_signed_by_the_fake(sample: Sample) -> bool:
    """The stand-in for 微信支付 makes notices of payments only."""
    return b"REFUND." not in sample.raw


EVERY_POST = list(posted())


async def answer_of(intake: Any, senders: Any, path: str, post: Posted) -> tuple[int, bytes, str]:
    keys = senders.keys_for(post.file.door.verify_kind)
    if post.file.door.verify_kind == "oauth2_bearer":
        keys = replace(keys, bearer=await bearer(intake, post, keys.signing))
    signed = senders.sent(post.file, post.sample.raw, keys, at_s=time.time())
    async with intake.http.post(
        path, data=signed.raw, headers=signed.headers, params=signed.query
    ) as answer:
        return answer.status, await answer.read(), answer.headers.get("content-type", "")


async def bearer(intake: Any, post: Posted, secret: str) -> str:
    client_id = f"{post.file.channel}/{post.account}"
    form = {
        "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret,
    }  # fmt: skip
    async with intake.http.post("/oauth2/token", data=form) as answer:
        return str((await answer.json())["access_token"])


def is_right_answer(post: Posted, senders: Any, answer: tuple[int, bytes, str]) -> bool:
    ack, (status, body, content_type) = post.file.door.ack, answer
    if status != ack.status:
        return False
    if ack.kind == "fixed":
        return body == ack.body and content_type == ack.content_type
    if ack.kind == "delivery_id":
        return UUID(json.loads(body)["id"]).version == 7
    keys = senders.keys_for("wx_biz_msg")
    return wx_decrypt(json.loads(body)["encrypt"], keys.encryption)[0] == b"success"


async def test_every_sample_is_answered_as_its_vendor_wants_and_read_as_it_says(
    intake: Any, doors: Any, senders: Any, samples: Any
) -> None:
    paths = {
        post.account: await doors.open(intake.rows, post.file, post.account, template=post.template)
        for post in EVERY_POST
    }
    await doors.served(intake.http, paths[EVERY_POST[-1].account])
    for post in EVERY_POST:
        for expected in post.sample.expected:
            if post.sample.fetched is not None and expected.external_id:
                intake.graph.leads[expected.external_id] = post.sample.fetched

    wrong_answers = []
    for post in EVERY_POST:
        answer = await answer_of(intake, senders, paths[post.account], post)
        if not is_right_answer(post, senders, answer):
            wrong_answers.append((post.account, answer))

    assert wrong_answers == []
    assert await intake.rows.fetchval("select count(*) from deliveries") == len(EVERY_POST)
    items = await intake.settled(sum(len(post.sample.expected) for post in EVERY_POST))
    await every_delivery_is_mapped(intake)
    assert wrong_items(items) == []
    assert await wrong_leads(intake, samples.key) == []


async def every_delivery_is_mapped(intake: Any) -> None:
    async def none_waits() -> bool:
        waiting = await intake.rows.fetchval("select count(*) from deliveries where state <> 1")
        return bool(waiting == 0)

    await eventually(none_waits, deadline_s=20, what="every delivery mapped")


def wrong_items(items: Any) -> list[Any]:
    """Items of which something else was found than their sample says."""
    by_account: dict[str, list[Any]] = {}
    for item in sorted(items, key=lambda each: each["position"]):
        by_account.setdefault(item["account"], []).append(item)
    wrong = []
    for post in EVERY_POST:
        found = [
            (STATES[item["state"]], item["reason"] or "", item["external_id"])
            for item in by_account.get(post.account, [])
        ]
        wanted = [
            (each.state, each.reason, each.external_id or item[2])
            for each, item in zip(post.sample.expected, found, strict=True)
        ]
        if found != wanted:
            wrong.append((post.account, found, wanted))
    return wrong


async def wrong_leads(intake: Any, key: str) -> list[Any]:
    """Leads whose event says another phone, trust or mapping than their sample and channel."""
    rows = await intake.rows.fetch(
        "select payload, (select i.position from items as i where i.lead_id::text = key) as position"
        " from outbox where event_type like '%.LeadReceived'"
    )
    ring = KeyRing({"k1": base64.b64decode(key)})
    by_account = {post.account: post for post in EVERY_POST}
    wrong = []
    for row in rows:
        event = events_pb2.LeadReceived.FromString(row["payload"])
        opened = ring.open(event.facts.sealed_contact, UUID(event.lead_id).bytes)
        post = by_account[event.facts.account]
        wanted = post.sample.expected[row["position"]].values
        contact = events_pb2.Contact.FromString(opened)
        said = (contact.phone_e164, events_pb2.Trust.Name(event.facts.trust)[6:].lower())
        right = (wanted.get("phone_e164", contact.phone_e164), post.file.trust)
        if said != right or event.facts.mapping_version != post.file.version:
            wrong.append((post.account, right))
    leads = sum(
        each.state == "accepted" and post.file.is_lead_channel
        for post in EVERY_POST
        for each in post.sample.expected
    )
    return wrong if len(rows) == leads else [*wrong, (len(rows), leads)]


async def test_nothing_is_proved_where_files_are_imported(
    intake: Any, doors: Any, senders: Any
) -> None:
    file = CHANNELS[NEVER_POSTED]
    path = await doors.open(intake.rows, file, "main")
    await doors.served(intake.http, path)

    signed = senders.sent(file, b'{"phones":"13800138001"}', SenderKeys("wrong-token"), at_s=0)
    async with intake.http.post(path, data=signed.raw, headers=signed.headers) as answer:
        assert answer.status == 401

    assert await intake.items() == []


@pytest.mark.parametrize("channel", ["website_form", "ocean_engine_feiyu"])
async def test_the_trust_of_a_channel_shows_on_its_leads(
    intake: Any, doors: Any, senders: Any, channel: str
) -> None:
    post = next(each for each in EVERY_POST if each.account == f"{channel}-0")
    path = await doors.open(intake.rows, post.file, post.account)
    await doors.served(intake.http, path)

    status, _, _ = await answer_of(intake, senders, path, post)
    assert status == post.file.door.ack.status
    await intake.settled(1)

    payload = await intake.rows.fetchval(
        "select payload from outbox where event_type like '%.LeadReceived'"
    )
    facts = events_pb2.LeadReceived.FromString(payload).facts
    assert events_pb2.Trust.Name(facts.trust) == f"TRUST_{CHANNELS[channel].trust.upper()}"


async def test_every_channel_is_told_with_its_templates_and_how_its_accounts_are_read(
    asked: Any, samples: Any
) -> None:
    await asked.intake.accepted_form(samples.form())
    await asked.intake.accepted_form({"fields": {"name": "谁也不是"}})
    await asked.intake.settled(2)

    channels = await asked.channels()

    baidu, website = channels["baidu_jimuyu"], channels["website_form"]
    assert len(channels) + sum(len(each.templates) for each in channels.values()) >= 27
    assert (baidu.trust, baidu.verify_kind) == (events_pb2.TRUST_WEAK, "shared_token")
    assert {each.template for each in baidu.templates} == {"baidu_chat", "baidu_call"}
    assert all(each.title != baidu.title for each in baidu.templates)
    assert channels["dingtalk_event"].is_experimental
    assert channels["wechat_pay"].facts == "payment"
    (account,) = website.accounts
    assert (account.account, account.accepted_count, account.quarantined_count) == ("main", 1, 1)
    assert account.HasField("last_item_at")
    assert not channels["facebook_leadgen"].accounts[0].HasField("last_item_at")
