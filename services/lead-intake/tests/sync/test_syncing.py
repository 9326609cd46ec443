"""Devices push what they changed while away and pull what they missed; each person sees their own records only."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from uuid import uuid4

import grpc
import pytest
from leadchain.intake.v1 import sync_service_pb2 as pb
from leadchain.intake.v1.facts_events_pb2 import SourceRecordChanged
from servicekit.sealing import KeyRing

from .conftest import change

APPLIED, CONFLICT = pb.CHANGE_OUTCOME_APPLIED, pb.CHANGE_OUTCOME_CONFLICT
REPEATED, REFUSED = pb.CHANGE_OUTCOME_REPEATED, pb.CHANGE_OUTCOME_REFUSED
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_pushed_is_pulled_by_the_persons_other_device(device: Any) -> None:
    (result,) = await device.push(change({"note": "到访", "count": 3}))

    page = await device.pull()

    assert (result.outcome, result.version) == (APPLIED, 1)
    (record,) = page.records
    assert json.loads(record.fields) == {"note": "到访", "count": 3}
    assert (record.collection, record.record_id, record.version) == ("visit", "visit-1", 1)
    assert not (await device.pull(page.cursor)).records


async def test_nobody_sees_or_changes_anothers_records(device_of: Any) -> None:
    mine, theirs = device_of("rep-01"), device_of("rep-02")
    await mine.push(change({"note": "mine"}))

    await theirs.push(change({"note": "theirs"}))

    assert json.loads((await mine.pull()).records[0].fields) == {"note": "mine"}
    assert json.loads((await theirs.pull()).records[0].fields) == {"note": "theirs"}


async def test_a_conflict_is_told_with_both_values_and_the_last_modified_wins(device: Any) -> None:
    await device.push(change({"note": "first"}))
    await device.push(change({"note": "tablet"}, after_s=20, base_version=1, client_id="tablet"))

    (result,) = await device.push(change({"note": "phone"}, after_s=10, base_version=1))

    (conflict,) = result.conflicts
    assert (result.outcome, result.version) == (CONFLICT, 3)
    assert json.loads(conflict.winning_value) == "tablet"
    assert json.loads(conflict.losing_value) == "phone"
    assert (conflict.winning_client_id, conflict.losing_client_id) == ("tablet", "phone")
    assert json.loads((await device.pull()).records[0].fields) == {"note": "tablet"}
    owner = f"{device.intake.own}rep-01"
    kept = await device.intake.rows.fetchval(
        "select count(*) from synced_changes where owner_id = $1", owner
    )
    assert kept == 3, "the loser is in the history"


async def test_a_change_that_comes_again_is_taken_once_and_told_the_same(device: Any) -> None:
    await device.push(change({"note": "a"}), change({"note": "b"}, after_s=5, client_id="tablet"))
    late = change({"note": "c"}, after_s=2)

    (first,) = await device.push(late)
    (again,) = await device.push(late)
    both = await device.push(*[change({"x": 1}, change_id=str(uuid4()), record_id="visit-2")] * 2)

    assert (first.outcome, again.outcome) == (CONFLICT, REPEATED)
    assert (again.version, again.conflicts) == (first.version, first.conflicts)
    assert [result.outcome for result in both] == [APPLIED, REPEATED]


async def test_a_deletion_is_a_tombstone_that_other_devices_see(device: Any) -> None:
    await device.push(change({"note": "a"}))
    cursor = (await device.pull()).cursor

    await device.push(change(None, after_s=1, base_version=1))

    (record,) = (await device.pull(cursor)).records
    assert (record.is_deleted, record.fields) == (True, b"")


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"change_id": "not a UUID"}, "bad_change_id"),
        ({"client_id": ""}, "bad_client_id"),
        ({"collection": "Visit!"}, "bad_collection"),
        ({"record_id": "x" * 101}, "bad_record_id"),
        ({"fields": b"[1]"}, "fields_not_object"),
        ({"fields": b"{"}, "fields_not_json"),
        ({"fields": b'{"a": "' + b"x" * 32 * 1024 + b'"}'}, "fields_too_large"),
        ({"fields": b""}, "no_fields"),
        ({"is_deleted": True}, "deletion_with_fields"),
        ({"after_s": 2 * 3600}, "clock_ahead"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_change_is_refused_alone(
    device: Any, named: dict[str, Any], reason: str
) -> None:
    bad, good = change({"a": 1}, **named), change({"a": 1}, record_id="visit-2")

    results = await device.push(bad, good)

    assert [result.outcome for result in results] == [REFUSED, APPLIED]
    assert results[0].reason == reason
    assert [record.record_id for record in (await device.pull()).records] == ["visit-2"]


async def test_pages_go_on_where_the_last_ended(device: Any) -> None:
    await device.push(*(change({"n": n}, record_id=f"visit-{n}") for n in range(5)))
    seen: list[str] = []
    cursor, more = "", True

    while more:
        page = await device.pull(cursor, page_size=2)
        seen += [record.record_id for record in page.records]
        cursor, more = page.cursor, page.has_more

    assert seen == [f"visit-{n}" for n in range(5)]


@pytest.mark.parametrize("count", [0, 501])
async def test_a_push_has_1_to_500_changes(device: Any, count: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await device.push(*(change({"n": n}) for n in range(count)))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "é", "A" * 24], ids=["short", "cut", "odd", "long"]
)
async def test_a_cursor_that_no_page_gave_is_refused(device: Any, cursor: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await device.pull(cursor)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_device_that_was_away_for_longer_than_tombstones_are_kept_begins_anew(
    device: Any,
) -> None:
    await device.push(change({"note": "a"}))
    long_ago = base64.urlsafe_b64encode((1).to_bytes(8) + (1_700_000_000).to_bytes(8)).decode()

    page = await device.pull(long_ago)

    assert (page.must_restart, page.cursor, list(page.records)) == (True, "", [])


async def test_records_are_kept_sealed_and_told_sealed(device: Any, samples: Any) -> None:
    made = change({"customer": "赵六 13800138004"})
    await device.push(made)

    rows, owner = device.intake.rows, f"{device.intake.own}rep-01"
    kept = [*(await rows.fetch("select * from synced_records where owner_id = $1", owner))]
    kept += await rows.fetch("select * from synced_changes where owner_id = $1", owner)
    payload = await rows.fetchrow(
        "select payload from outbox where event_type like '%SourceRecordChanged' order by id desc"
    )
    event = SourceRecordChanged.FromString(payload[0])

    written = b"".join(value for row in kept for value in row.values() if isinstance(value, bytes))
    assert b"13800138004" not in written + payload[0]
    assert (event.system, event.entity, event.origin.item_id) == ("mobile", "visit", made.change_id)
    ring = KeyRing.parse(f"k1:{samples.key}")
    item = bytes.fromhex(made.change_id.replace("-", ""))
    assert "13800138004" in ring.open(event.sealed_fields, item).decode()


async def test_two_devices_that_push_at_once_lose_nothing(device: Any) -> None:
    await asyncio.gather(
        *(device.push(change({f"f{n}": n}, after_s=n, client_id=f"device-{n}")) for n in range(12))
    )

    (record,) = (await device.pull()).records
    assert json.loads(record.fields) == {f"f{n}": n for n in range(12)}
    assert record.version == 12


async def test_a_media_note_is_checked_and_not_kept(device: Any) -> None:
    note = pb.CheckMediaNoteRequest(
        content_type="image/jpeg", size_bytes=400_000, latitude_deg=22.5, longitude_deg=114.0,
        accuracy_m=80,
    )  # fmt: skip
    note.taken_at.GetCurrentTime()

    answer = await device.call("CheckMediaNote", note)

    assert not answer.is_acceptable
    assert list(answer.problems) == ["photo_too_large", "place_inaccurate"]


async def test_a_caller_without_a_token_is_refused(device: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await device.stub.PullChanges(pb.PullChangesRequest(), timeout=20)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
