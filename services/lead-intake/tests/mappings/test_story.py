"""A platform renames a field: the alarm, the quarantine, the mapping, and every lead back."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import grpc
import msgspec
import pytest
from lead_intake.domain.shapes import Learnt
from leadchain.intake.v1 import config_events_pb2 as events
from leadchain.intake.v1 import intake_service_pb2 as pb
from leadchain.intake.v1 import mappings_service_pb2 as mappings_pb
from servicekit.testing.waiting import eventually

ACCEPTED, QUARANTINED = 2, 4
RENAMED = """
map:
  phones: {path: 'fields.mobile || fields.customer_contact', via: phones}
"""
FORM = {"channel": "website_form", "account": "main"}
PHONE = "13800138004"


def renamed(samples: Any, number: int) -> dict[str, Any]:
    """A form whose phone has another name than any that is known."""
    body: dict[str, Any] = samples.form(name=f"示例{number}")
    body["fields"]["customer_contact"] = body["fields"].pop("mobile")
    return body


async def drifts(intake: Any) -> list[events.SchemaDrifted]:
    rows = await intake.rows.fetch(
        "select payload from outbox where event_type like '%.SchemaDrifted' order by id"
    )
    return [events.SchemaDrifted.FromString(row[0]) for row in rows]


async def drift_of(intake: Any, what: str) -> events.SchemaDrifted:
    async def told() -> events.SchemaDrifted | None:
        return next((each for each in await drifts(intake) if getattr(each, what)), None)

    found = await eventually(told, deadline_s=20, what=f"a drift with {what}")
    assert found is not None
    return found


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def learn(intake: Any, samples: Any, count: int = 25) -> None:
    """Lets the account's usual shape be learnt."""
    for number in range(count):
        await intake.accepted_form(samples.form(name=f"示例{number}"))
    await intake.settled(count)

    async def learnt() -> bool:
        kept = await intake.rows.fetchval("select learnt from shapes")
        return kept is not None and not msgspec.msgpack.decode(kept, type=Learnt).is_learning

    await eventually(learnt, deadline_s=10, what="a learnt shape")


async def test_a_renamed_field_raises_an_alarm_and_a_mapping_rescues_every_lead(
    strict: Any, mapper: Any, samples: Any
) -> None:
    await learn(strict, samples)
    lost = [await strict.accepted_form(renamed(samples, number)) for number in range(12)]
    items = {str(item["lead_id"]): item for item in await strict.settled(37)}
    assert {items[each]["reason"] for each in lost} == {"no_contact_point"}

    alarm = await drift_of(strict, "added")
    assert alarm.added == ["fields.customer_contact"]
    assert (alarm.channel, alarm.account) == ("website_form", "main")

    checked = await mapper.check(RENAMED)
    assert (checked.rescued_count, checked.newly_quarantined_count) == (12, 0)
    assert (checked.quarantined_checked_count, checked.accepted_checked_count) == (12, 25)
    published = await mapper.publish(
        RENAMED, sha256=checked.sha256, approval_id=f"approved-{uuid4()}"
    )
    assert published.version == 1000

    replay = await strict.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(**FORM))
    assert (replay.replayed_count, replay.unchanged_count) == (12, 0)
    rescued = {str(item["lead_id"]): item for item in await strict.settled(37)}
    assert {rescued[each]["state"] for each in lost} == {ACCEPTED}
    assert {rescued[each]["mapping_version"] for each in lost} == {1000}


async def test_a_drift_is_listed_with_nothing_but_paths(
    strict: Any, mapper: Any, samples: Any
) -> None:
    await learn(strict, samples)
    for _ in range(2):
        await strict.accepted_form({**renamed(samples, 1), "first_action": 3})
    await drift_of(strict, "changed")

    listed = await mapper.ask("ListDrifts", mappings_pb.ListDriftsRequest(**FORM))
    other = await mapper.ask("ListDrifts", mappings_pb.ListDriftsRequest(channel="other"))

    assert not other.drifts
    paths = [path for each in listed.drifts for path in each.added]
    assert paths == ["fields.customer_contact"]
    changed = [change for each in listed.drifts for change in each.changed]
    assert [(one.path, list(one.before), one.after) for one in changed] == [
        ("first_action", ["string"], "number")
    ]
    assert PHONE not in str(listed)
    learnt = await strict.rows.fetchval("select learnt from shapes")
    assert PHONE.encode() not in learnt
    assert "赵六".encode() not in learnt


async def test_a_quarantined_item_is_shown_masked_with_what_differs_and_where_to_look(
    intake: Any, samples: Any
) -> None:
    await learn(intake, samples)
    lead_id = await intake.accepted_form(renamed(samples, 1))
    await intake.settled(26)

    shown = await intake.rpc.GetQuarantined(pb.GetQuarantinedRequest(lead_id=lead_id))

    assert shown.item.quarantine_reason == pb.QUARANTINE_REASON_NO_CONTACT_POINT
    assert (shown.item.mapping_version, shown.current_version) == (1, 1)
    body = json.loads(shown.masked_body)
    assert body["fields"]["customer_contact"] == "138****8004"
    assert body["fields"]["name"] == "示**"
    assert body["fields"]["company"] == "示**"
    assert [(each.name, each.path, each.evidence) for each in shown.suggestions] == [
        ("phones", "fields.customer_contact", "value")
    ]
    missing = {each.path: list(each.types) for each in shown.differences}
    assert missing["fields.mobile"] == []
    assert missing["fields.customer_contact"] == ["string"]
    for secret in (PHONE, "示例精密", "深圳"):
        assert secret not in str(shown)


async def test_only_what_is_in_quarantine_is_shown_there(intake: Any, samples: Any) -> None:
    lead_id = await intake.accepted_form(samples.form())
    await intake.settled(1)

    asked = intake.rpc.GetQuarantined(pb.GetQuarantinedRequest(lead_id=lead_id))

    assert await code_of(asked) is grpc.StatusCode.NOT_FOUND


async def test_the_same_rules_are_not_asked_twice_unless_forced(intake: Any, samples: Any) -> None:
    await intake.accepted_form(renamed(samples, 1))
    await intake.settled(1)

    once = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(**FORM))
    forced = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(**FORM, force=True))

    assert (once.replayed_count, once.unchanged_count) == (0, 1)
    assert forced.replayed_count == 1
    (item,) = await intake.settled(1)
    assert item["state"] == QUARANTINED


async def test_items_are_chosen_by_account_and_reason(intake: Any, samples: Any) -> None:
    await intake.accepted_form(renamed(samples, 1))
    await intake.accepted_form(b'{"a": 1}')
    await intake.settled(2)
    reason = pb.QUARANTINE_REASON_UNMAPPED_FIELD_REQUIRED

    listed = await intake.rpc.ListQuarantined(pb.ListQuarantinedRequest(**FORM, reason=reason))
    none = await intake.rpc.ListQuarantined(pb.ListQuarantinedRequest(account="other"))
    replay = await intake.rpc.ReplayQuarantined(
        pb.ReplayQuarantinedRequest(reason=reason, force=True)
    )

    assert [each.reason for each in listed.items] == ["unmapped_field_required"]
    assert not none.items
    assert replay.replayed_count == 1
