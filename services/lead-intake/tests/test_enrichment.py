"""Leads of which only the id arrives: fan-out, fetching, retries."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from leadchain.intake.v1 import events_pb2
from servicekit.testing.waiting import eventually

ACCEPTED, REJECTED, QUARANTINED = 2, 3, 4
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


def answers(**named: str) -> list[dict[str, Any]]:
    return [{"name": name, "values": [value]} for name, value in named.items()]


async def test_a_page_lead_is_fetched_and_mapped(intake: Any, samples: Any) -> None:
    intake.graph.leads["55459717045641545"] = {
        "created_time": "2015-11-12T15:27:06+0000",
        "id": "55459717045641545",
        "field_data": answers(full_name="示例客户", phone_number="+86 138-0013-8003", city="杭州"),
    }

    assert await intake.post_page(samples.page_event(55459717045641545)) == 200

    (item,) = await intake.settled(1)
    (row,) = await intake.outbox()
    facts = events_pb2.LeadReceived.FromString(row["payload"]).facts
    assert item["lead_id"] == item["delivery_id"]
    assert facts.external_id == item["external_id"] == "55459717045641545"
    assert facts.inquired_at.ToJsonString() == "2015-11-12T15:27:06Z"
    assert (facts.region.province, facts.region.city) == ("浙江", "杭州")
    assert (facts.phone_display, facts.source_kind) == ("138****8003", "social")


async def test_several_changes_become_several_items_and_a_bad_one_costs_only_itself(
    intake: Any, samples: Any
) -> None:
    event = samples.page_event("11", 12, None, "14")
    event["entry"] += samples.page_event("15")["entry"]

    await intake.post_page(event)

    items = await intake.settled(5)
    first = next(item for item in items if item["position"] == 0)
    assert first["lead_id"] == first["delivery_id"]
    by_external_id = {item["external_id"]: item for item in items}
    assert set(by_external_id) == {"11", "12", None, "14", "15"}
    assert by_external_id[None]["reason"] == "unmapped_field_required"
    assert by_external_id[None]["detail"] == "value.leadgen_id"
    assert [by_external_id[name]["state"] for name in ("11", "12", "14", "15")] == [ACCEPTED] * 4


async def test_a_repeated_leadgen_id_is_no_new_item(intake: Any, samples: Any) -> None:
    await intake.post_page(samples.page_event("21"))
    await intake.settled(1)

    event = samples.page_event("21", "22")
    await intake.post_page(event)

    items = await intake.settled(2)
    assert sorted(item["external_id"] for item in items) == ["21", "22"]
    assert len(await intake.events()) == 2


async def test_changes_of_other_fields_are_answered_and_ignored(intake: Any, samples: Any) -> None:
    assert await intake.post_page(samples.page_event("31", field_name="feed")) == 200

    async def is_mapped() -> bool:
        (delivery,) = await intake.deliveries()
        return bool(delivery["state"] == 1)

    await eventually(is_mapped, what="the delivery is mapped")
    assert await intake.items() == []


async def test_an_event_that_cannot_be_fanned_out_is_one_quarantined_item(
    intake: Any, samples: Any
) -> None:
    await intake.post_page({"object": "page", "entry": []})
    await intake.post_page({"object": "user", "entry": []})

    items = await intake.settled(2)
    assert [(item["reason"], item["detail"]) for item in items] == [
        ("unmapped_field_required", "entry[].changes[]"),
        ("unknown_event", "object"),
    ]


async def test_a_failed_fetch_is_tried_again(intake: Any, samples: Any) -> None:
    before = intake.graph.stats.failed_on_purpose
    intake.graph.fail(500, count=3)

    await intake.post_page(samples.page_event("41"))

    (item,) = await intake.settled(1)
    assert item["state"] == ACCEPTED
    assert intake.graph.stats.failed_on_purpose == before + 3


async def test_the_testing_tools_dummy_is_rejected(intake: Any, samples: Any) -> None:
    dummy = "<test lead: dummy data for full_name>"
    intake.graph.leads["61"] = {"id": "61", "field_data": answers(full_name=dummy)}

    await intake.post_page(samples.page_event("61"))

    (item,) = await intake.settled(1)
    assert (item["state"], item["reason"]) == (REJECTED, "test_lead")


async def test_an_odd_body_is_quarantined(intake: Any, samples: Any) -> None:
    intake.graph.leads["71"] = {"id": "71", "field_data": [1, {"name": 2}, {"name": "email"}]}
    intake.graph.leads["72"] = {"id": "72"}

    await intake.post_page(samples.page_event("71", "72"))

    items = {item["external_id"]: item for item in await intake.settled(2)}
    assert items["71"]["reason"] == "no_contact_point"
    assert (items["72"]["reason"], items["72"]["detail"]) == (
        "unmapped_field_required",
        "field_data",
    )
