"""From a stored delivery to items and events, on a running service."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from leadchain.intake.v1 import events_pb2
from leadchain.intake.v1 import intake_service_pb2 as pb
from servicekit.sealing import BlindIndex, KeyRing
from servicekit.testing.waiting import eventually

ACCEPTED, REJECTED, QUARANTINED = 2, 3, 4
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


async def received(intake: Any) -> list[events_pb2.LeadReceived]:
    return [
        events_pb2.LeadReceived.FromString(row["payload"])
        for row in await intake.outbox()
        if row["event_type"].endswith(".LeadReceived")
    ]


def contact_of(event: events_pb2.LeadReceived, key: str) -> events_pb2.Contact:
    ring = KeyRing({"k1": base64.b64decode(key)})
    opened = ring.open(event.facts.sealed_contact, UUID(event.lead_id).bytes)
    return events_pb2.Contact.FromString(opened)


async def test_a_form_becomes_a_lead_with_normalised_facts(intake: Any, samples: Any) -> None:
    delivery_id = await intake.accepted_form(
        samples.form(mobile="(138)00138004", email="Zhao.Liu@Example.COM")
    )

    (item,) = await intake.settled(1)
    (event,) = await received(intake)
    facts = event.facts
    assert event.lead_id == str(item["lead_id"]) == delivery_id
    assert (facts.channel, facts.account) == ("website_form", f"{intake.own}main")
    assert (facts.region.province, facts.region.city) == ("广东", "深圳")
    assert (facts.industry, facts.source_kind) == ("精密零部件", "sem")
    assert facts.first_action == "book_demo"
    assert facts.trust == events_pb2.TRUST_STRONG
    assert facts.mapping_version == 1
    assert facts.inquired_at.ToJsonString() == "2026-01-25T05:30:00Z"
    assert (
        facts.received_at.ToDatetime().replace(tzinfo=item["received_at"].tzinfo)
        == item["received_at"]
    )
    contact = contact_of(event, samples.key)
    assert (contact.name, contact.phone_e164) == ("赵六", "+8613800138004")
    assert (contact.email, contact.company) == ("zhao.liu@example.com", "示例精密制造有限公司")
    index = BlindIndex(base64.b64decode(samples.key), "phone")
    assert facts.phone_index == index.of("+8613800138004")
    assert facts.phone_display == "138****8004"


@pytest.mark.parametrize("name", ["mobile", "tel", "contact_phone", "手机号"])
async def test_a_phone_is_found_under_each_of_its_names(
    intake: Any, samples: Any, name: str
) -> None:
    form = samples.form()
    form["fields"] = {"name": "赵六", name: "+86 138-0013-8004"}

    await intake.accepted_form(form)

    await intake.settled(1)
    (event,) = await received(intake)
    assert contact_of(event, samples.key).phone_e164 == "+8613800138004"


async def test_a_masked_phone_is_accepted_but_is_no_key(intake: Any, samples: Any) -> None:
    await intake.accepted_form(samples.form(mobile="138****8001"))

    (item,) = await intake.settled(1)
    (event,) = await received(intake)
    contact = contact_of(event, samples.key)
    assert item["state"] == ACCEPTED
    assert (contact.phone_e164, contact.masked_phone) == ("", "138****8001")
    assert event.facts.phone_index == b""


async def test_an_email_alone_is_a_contact_point(intake: Any, samples: Any) -> None:
    await intake.accepted_form(samples.form(mobile="", email="a@example.com"))

    (item,) = await intake.settled(1)
    assert item["state"] == ACCEPTED


async def test_test_leads_and_spam_are_rejected_with_the_reason(intake: Any, samples: Any) -> None:
    await intake.accepted_form({**samples.form(), "is_test": True})
    await intake.accepted_form({**samples.form(), "hp": "http://spam.example"})

    items = await intake.settled(2)
    assert [(item["state"], item["reason"]) for item in items] == [
        (REJECTED, "test_lead"),
        (REJECTED, "spam"),
    ]
    assert [name for name, _ in await intake.events()] == ["LeadRejected", "LeadRejected"]


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        (b"[1, 2]", "unmapped_field_required", "fields"),
        (b"{}", "unmapped_field_required", "fields"),
        (b'{"fields": {"name": "x", "mobile": "95588"}}', "no_contact_point", "contact"),
        (b'{"fields": [1]}', "no_contact_point", "contact"),
    ],
)
async def test_what_cannot_be_understood_is_quarantined_with_the_place(
    intake: Any, raw: bytes, reason: str, detail: str
) -> None:
    delivery_id = await intake.accepted_form(raw)

    (item,) = await intake.settled(1)
    assert str(item["lead_id"]) == delivery_id
    assert (item["state"], item["reason"], item["detail"]) == (QUARANTINED, reason, detail)
    assert await intake.events() == [("DeliveryQuarantined", delivery_id)]


async def test_the_trace_of_the_request_goes_on_in_the_event(intake: Any, samples: Any) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    raw = json.dumps(samples.form()).encode()
    headers = {**samples.sign_form(raw), "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}

    async with intake.http.post(intake.paths["website_form"], data=raw, headers=headers) as answer:
        assert answer.status == 202

    await intake.settled(1)
    (row,) = await intake.outbox()
    assert row["traceparent"][3:35] == trace_id


async def test_many_deliveries_are_each_mapped_once(intake: Any, samples: Any) -> None:
    forms = [samples.form(name=f"示例{number}") for number in range(30)]
    ids = [await intake.accepted_form(form) for form in forms]

    items = await intake.settled(30)
    assert sorted(ids) == [str(item["lead_id"]) for item in items]
    assert sorted(await intake.events()) == sorted(("LeadReceived", each) for each in ids)


async def test_the_second_click_of_a_double_click_is_told_from_another_inquiry(
    intake: Any, samples: Any
) -> None:
    first = await intake.accepted_form(samples.form())
    await intake.settled(1)
    second = await intake.accepted_form(samples.form())
    another = await intake.accepted_form(samples.form(product="除湿机", mobile="138-0013-8004"))

    items = {str(item["lead_id"]): item for item in await intake.settled(3)}

    assert items[second]["reason"] == "duplicate"
    assert str(items[second]["repeats_lead_id"]) == first
    assert items[first]["state"] == items[another]["state"] == 2
    assert ("LeadRejected", second) in await intake.events()


async def test_a_sender_that_names_an_item_again_and_better_rescues_it(
    intake: Any, samples: Any
) -> None:
    path = await intake.put_account("generic_signed", secrets=[samples.form_secret])

    async def post(**said: str) -> None:
        raw = json.dumps({"lead_id": "L-1", "name": "示例", **said}).encode()
        async with intake.http.post(path, data=raw, headers=samples.sign_form(raw)) as answer:
            assert answer.status < 300

    await post()
    [before] = await intake.settled(1)
    await post(phone="13800138009")

    async def rescued() -> Any:
        [item] = await intake.items()
        return item if item["state"] == 2 else None

    item = await eventually(rescued, deadline_s=20, what="the item understood")
    assert before["reason"] == "no_contact_point"
    assert (item["lead_id"], item["received_at"]) == (before["lead_id"], before["received_at"])
    assert ("LeadReceived", str(item["lead_id"])) in await intake.events()


async def test_a_replayed_item_that_has_a_senders_id_is_read_from_its_delivery(
    intake: Any, samples: Any
) -> None:
    path = await intake.put_account("generic_signed", secrets=[samples.form_secret])
    raw = json.dumps({"lead_id": "L-2", "name": "示例"}).encode()
    async with intake.http.post(path, data=raw, headers=samples.sign_form(raw)) as answer:
        assert answer.status < 300
    [before] = await intake.settled(1)

    answer = await intake.rpc.ReplayQuarantined(
        pb.ReplayQuarantinedRequest(lead_ids=[str(before["lead_id"])], force=True)
    )

    assert answer.replayed_count == 1
    [item] = await intake.settled(1)
    assert (item["reason"], item["external_id"]) == ("no_contact_point", "L-2")
    assert intake.graph.stats.fetched == 0
