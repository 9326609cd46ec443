"""What is kept about a person is gathered from every service, sealed, and handed over once."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from leadchain.intake.v1 import privacy_service_pb2 as pb

from .conftest import ASKED, PHONE


async def downloaded(rights: Any, request_id: str) -> dict[str, Any]:
    request = pb.DownloadExportRequest(request_id=request_id)
    document: dict[str, Any] = json.loads((await rights.call("DownloadExport", request)).document)
    return document


async def test_an_export_holds_the_leads_in_clear_and_what_each_service_told(rights: Any) -> None:
    lead_id = await rights.post(email="somebody@example.com")
    request_id = await rights.export(phone=PHONE)

    await rights.tell(request_id, *ASKED[1:], records=b'[{"told": true}]', record_count=1)
    await rights.tell(request_id, ASKED[0], part=2, part_count=2, records=b'[{"n": 2}]')
    await rights.tell(request_id, ASKED[0], part=1, part_count=2, records=b'[{"n": 1}]')
    await rights.completed(request_id)
    document = await downloaded(rights, request_id)

    lead, receipt = document["records"]["lead-intake"]
    assert lead["contact"]["phone_e164"] == "+8613800138004"
    assert lead["contact"]["name"] == "赵六"
    assert receipt["notice_version"] == "2026-01"
    assert document["records"]["identity"] == [{"n": 1}, {"n": 2}]
    assert document["records"]["reporting"] == [{"told": True}]
    assert document["lead_ids"] == [lead_id]


async def test_an_export_waits_for_each_part_of_each_answer(rights: Any) -> None:
    request_id = await rights.export(phone=PHONE)

    await rights.tell(request_id, *ASKED[1:])
    await rights.tell(request_id, ASKED[0], part=1, part_count=2)
    await rights.tell(request_id, ASKED[0], part=1, part_count=2)
    before = (await rights.request(request_id)).request
    await rights.tell(request_id, ASKED[0], part=2, part_count=2)

    assert before.state == pb.SUBJECT_REQUEST_STATE_ASKED
    await rights.completed(request_id)


async def test_an_export_is_kept_sealed_and_handed_over_once(rights: Any) -> None:
    await rights.post()
    request_id = await rights.export(phone=PHONE)
    await rights.tell(request_id, *ASKED)
    found = await rights.completed(request_id)
    sealed = await rights.intake.rows.fetchval("select sealed_result from subject_requests")

    await downloaded(rights, request_id)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await downloaded(rights, request_id)

    assert found.request.is_downloadable
    assert PHONE.encode() not in sealed
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    left = await rights.intake.rows.fetchrow(
        "select sealed_result, (select count(*) from subject_answers where sealed_records is not null) as parts"
        " from subject_requests"
    )
    assert (left["sealed_result"], left["parts"]) == (None, 0)


@pytest.mark.parametrize(
    "change",
    ["requested_by = 'somebody else'", "completed_at = now() - interval '8 days'"],
    ids=["somebody else's", "too old"],
)
async def test_an_export_is_for_its_requester_and_for_seven_days(rights: Any, change: str) -> None:
    request_id = await rights.export(phone=PHONE)
    await rights.tell(request_id, *ASKED)
    await rights.completed(request_id)
    await rights.intake.rows.execute(f"update subject_requests set {change}")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await downloaded(rights, request_id)

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_an_export_suppresses_nobody(rights: Any) -> None:
    await rights.post()
    await rights.export(phone=PHONE)

    await rights.post(name="again")

    assert [item["state"] for item in await rights.intake.items()] == [2, 2]
