"""A mapping is tried out, published by approval, read by at once, and taken back."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import grpc
import pytest
from lead_intake.commands.quarantine import watch_quarantine
from leadchain.intake.v1 import events_pb2
from leadchain.intake.v1 import intake_service_pb2 as pb
from leadchain.intake.v1 import mappings_service_pb2 as mappings_pb
from servicekit.database import Database
from servicekit.testing.waiting import eventually

FORM = {"channel": "website_form", "account": "main"}
BY_SALUTATION = "map: {name: {path: fields.salutation, via: text}}"
STRICT = "require: [fields.budget]"


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def versions(intake: Any) -> list[int]:
    return [item["mapping_version"] for item in await intake.items()]


async def last_facts(intake: Any) -> events_pb2.LeadFacts:
    payload = await intake.rows.fetchval(
        "select payload from outbox where event_type like '%.LeadReceived' order by id desc limit 1"
    )
    return events_pb2.LeadReceived.FromString(payload).facts


async def test_a_published_mapping_is_read_by_and_every_lead_says_so(
    strict: Any, mapper: Any, samples: Any
) -> None:
    checked = await mapper.check(BY_SALUTATION)

    published = await mapper.publish(BY_SALUTATION, sha256=checked.sha256, approval_id="approved-1")
    again = await mapper.publish(BY_SALUTATION, sha256=checked.sha256, approval_id="approved-1")
    await strict.accepted_form(samples.form())
    await strict.settled(1)

    assert (published.version, published.is_repeated) == (1000, False)
    assert (again.version, again.is_repeated) == (1000, True)
    assert await versions(strict) == [1000]
    assert (await last_facts(strict)).mapping_version == 1000
    changes = await strict.rpc.ListConfigurationChanges(
        pb.ListConfigurationChangesRequest(kind="mapping")
    )
    (change,) = changes.changes
    assert (change.resource_id, change.old_json) == ("website_form/main", "")
    assert json.loads(change.new_json)["sha256"] == checked.sha256


async def test_an_earlier_version_comes_again_under_a_new_number(
    strict: Any, mapper: Any, samples: Any
) -> None:
    for number, document in enumerate((BY_SALUTATION, STRICT)):
        checked = await mapper.check(document)
        await mapper.publish(document, sha256=checked.sha256, approval_id=f"approved-{number}")

    back = await mapper.publish(version=1000, approval_id="approved-9")
    await strict.accepted_form(samples.form())
    await strict.settled(1)

    assert back.version == 1002
    listed = await mapper.ask("ListMappings", mappings_pb.ListMappingsRequest(**FORM))
    assert [(each.version, each.HasField("retired_at")) for each in listed.mappings] == [
        (1002, False),
        (1001, True),
        (1000, True),
    ]
    shown = await mapper.ask("GetMapping", mappings_pb.GetMappingRequest(**FORM))
    assert json.loads(shown.document) == {
        "map": {"name": {"path": "fields.salutation", "via": "text"}}
    }
    assert await versions(strict) == [1002]


async def test_only_what_was_checked_against_the_rules_in_force_is_published(
    strict: Any, mapper: Any
) -> None:
    unchecked = await refusal(mapper.publish(STRICT, sha256="00", approval_id="approved-1"))
    checked = await mapper.check(STRICT)
    first = await mapper.check(BY_SALUTATION)
    await mapper.publish(BY_SALUTATION, sha256=first.sha256, approval_id="approved-2")
    stale = await refusal(mapper.publish(STRICT, sha256=checked.sha256, approval_id="approved-3"))
    other = await refusal(
        mapper.publish(BY_SALUTATION, sha256=checked.sha256, approval_id="approved-4")
    )

    assert unchecked[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert stale[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert other[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert await strict.rows.fetchval("select count(*) from mappings") == 1


async def test_without_an_approval_no_mapping_is_published(strict: Any, mapper: Any) -> None:
    checked = await mapper.check(BY_SALUTATION)

    code, text = await refusal(mapper.publish(BY_SALUTATION, sha256=checked.sha256))

    assert code is grpc.StatusCode.PERMISSION_DENIED
    asked = json.loads(text.removeprefix("approval_required: "))
    assert asked["resource"] == "mapping:website_form/main"
    assert asked["params"]["sha256"] == checked.sha256
    assert await strict.rows.fetchval("select count(*) from mappings") == 0


async def test_an_account_whose_mapping_no_longer_fits_loses_nothing(
    intake: Any, mapper: Any, samples: Any
) -> None:
    checked = await mapper.check(BY_SALUTATION)
    await mapper.publish(BY_SALUTATION, sha256=checked.sha256)
    unfit = '{"map": {"gone": {"value": "x"}}}'
    await intake.rows.execute("update mappings set document = $1", unfit)
    await intake.rows.execute("update accounts set revision = revision + 1")

    async def set_aside() -> bool:
        await intake.accepted_form(samples.form(email=f"{uuid4().hex}@example.com"))
        found = {item["reason"] for item in await intake.items()}
        return "schema_drift" in found

    await eventually(set_aside, deadline_s=10, what="an item set aside")
    await mapper.publish(version=0, document="{}", sha256=(await mapper.check("{}")).sha256)
    await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest())

    items = await intake.settled(len(await intake.items()))
    assert {item["state"] for item in items} == {2}


async def test_bulk_replays_tell_how_far_they_are(intake: Any, samples: Any, keys: Any) -> None:
    for number in range(7):
        await intake.accepted_form({"n": number})
    await intake.settled(7)
    bearer = (("authorization", f"Bearer {keys.token('operator')}"),)

    told = [
        each
        async for each in intake.rpc.ReplayMatching(
            pb.ReplayMatchingRequest(channel="website_form", force=True), metadata=bearer
        )
    ]
    quiet = [
        each
        async for each in intake.rpc.ReplayMatching(
            pb.ReplayMatchingRequest(channel="website_form"), metadata=bearer
        )
    ]

    assert [(each.total_count, each.replayed_count) for each in told] == [(7, 0), (7, 7)]
    assert quiet[-1].replayed_count == 0
    items = await intake.settled(7)
    assert {item["state"] for item in items} == {4}


async def test_an_alarm_about_quarantine_is_told_once_until_it_is_over(
    intake: Any, samples: Any, migrated_url: str
) -> None:
    for number in range(10):
        await intake.accepted_form({"n": number})
    await intake.settled(10)
    database = Database(migrated_url, service="lead-intake")
    try:
        async with database.unit_of_work() as uow:
            first = await watch_quarantine(uow)
        async with database.unit_of_work() as uow:
            second = await watch_quarantine(uow)
        await intake.rows.execute("delete from items")
        async with database.unit_of_work() as uow:
            await watch_quarantine(uow)
    finally:
        await database.stop()

    told = await intake.rows.fetchval(
        "select count(*) from outbox where event_type like '%.QuarantineRatioHigh'"
    )
    assert first + second <= 1
    assert told == 1
    assert await intake.rows.fetchval("select count(*) from quarantine_alarms") == 0
