"""Files become leads: every row once, each with its outcome, a known lead stated anew and never made twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import Contact, LeadFacts, LeadReceived
from leadchain.intake.v1.import_events_pb2 import ImportFinished, InquiryRepeated
from servicekit.sealing import KeyRing

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def uploader(shared_uploader: Any) -> Any:
    return shared_uploader


async def test_every_row_of_a_file_becomes_one_lead(uploader: Any, files: Any) -> None:
    content = files.csv_of([files.lead(number) for number in range(1200)])

    ended = await uploader.imported(content)

    assert ended.state == pb.IMPORT_STATE_FINISHED
    assert (ended.read_count, ended.done_count, ended.counts.accepted_count) == (1200, 1200, 1200)
    assert (ended.template, ended.file_name, ended.done_share) == ("generic_leads", "示例.csv", 1.0)
    assert len(await uploader.leads()) == 1200
    assert len({each["key"] for each in await uploader.events("LeadReceived")}) == 1200
    (finished,) = await uploader.events("ImportFinished")
    assert ImportFinished.FromString(finished["payload"]).counts.accepted_count == 1200


async def test_a_row_is_normalised_and_its_unknown_columns_become_answers(
    uploader: Any, files: Any, samples: Any
) -> None:
    await uploader.imported(files.csv_of([files.lead(7, phone="138-0000 0007")]))

    (event,) = await uploader.events("LeadReceived")
    received = LeadReceived.FromString(event["payload"])
    facts = received.facts
    assert (facts.external_id, facts.phone_display) == ("L000007", "138****0007")
    assert (facts.region.province, facts.region.city) == ("广东", "深圳")
    assert "from_import" in facts.flags
    ring = KeyRing.parse(f"k1:{samples.key}")
    contact = Contact.FromString(ring.open(facts.sealed_contact, UUID(received.lead_id).bytes))
    assert contact.phone_e164 == "+8613800000007"
    assert dict(contact.answers) == {"想看的设备": "测试台"}


async def test_nothing_of_a_file_is_kept_in_the_clear_or_longer_than_it_waits(
    uploader: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(1), files.lead(2, phone="", name="钱示例")])
    import_id = await uploader.upload(content)
    waiting = await uploader.kept_of(import_id)

    await uploader.start(import_id)
    await uploader.ended(import_id)

    done = await uploader.kept_of(import_id)
    assert waiting["import_parts"]
    assert not waiting["import_chunks"]
    rows = [row for each in (waiting, done) for found in each.values() for row in found]
    kept = b"".join(value for row in rows for value in row.values() if isinstance(value, bytes))
    assert "示例".encode() not in kept
    assert b"13800000001" not in kept
    assert not done["import_parts"]
    assert done["import_chunks"]
    assert {chunk["rows"] for chunk in done["import_chunks"]} == {None}


async def test_the_same_file_is_the_same_import(uploader: Any, files: Any) -> None:
    content = files.csv_of([files.lead(1)])
    first = await uploader.imported(content)

    again = await uploader.begin(content, timeout=10)
    second = await uploader.imported(content)

    assert again.import_id == first.import_id == second.import_id
    assert again.state == pb.IMPORT_STATE_FINISHED
    assert len(await uploader.leads()) == 1


async def test_the_same_rows_in_another_file_are_no_new_leads(uploader: Any, files: Any) -> None:
    rows = [files.lead(number) for number in range(700)] + [files.lead(9, id="", phone="123")]
    await uploader.imported(files.csv_of(rows))

    again = await uploader.imported(files.xlsx_of(rows))

    assert (again.counts.accepted_count, again.counts.updated_count) == (0, 0)
    assert (again.counts.duplicate_count, again.counts.quarantined_count) == (700, 1)
    assert len(await uploader.items()) == 701
    assert await uploader.events("InquiryRepeated") == []


async def test_a_known_lead_that_is_stated_anew_is_one_lead_with_a_repeated_inquiry(
    uploader: Any, files: Any
) -> None:
    await uploader.imported(files.csv_of([files.lead(1), files.lead(2)]))
    (first, _) = await uploader.leads()

    again = await uploader.imported(files.csv_of([files.lead(1, city="杭州"), files.lead(3)]))

    assert (again.counts.updated_count, again.counts.accepted_count) == (1, 1)
    (event,) = await uploader.events("InquiryRepeated")
    repeated = InquiryRepeated.FromString(event["payload"])
    assert repeated.lead_id == str(first["lead_id"])
    assert repeated.facts.region.city == "杭州"
    assert len(await uploader.leads()) == 3


@pytest.mark.parametrize("apart", [1, 900])
async def test_rows_of_one_file_with_the_same_key_fold_into_the_last(
    uploader: Any, files: Any, apart: int
) -> None:
    rows = [files.lead(number) for number in range(apart)]
    rows += [files.lead(0, city="杭州"), files.lead(0, city="成都")]

    ended = await uploader.imported(files.csv_of(rows))

    assert ended.counts.accepted_count == apart
    assert ended.counts.duplicate_count == 2
    lead = next(each for each in await uploader.leads() if each["external_id"] == "L000000")
    assert LeadFacts.FromString(lead["facts"]).region.city == "成都"


async def test_without_an_id_the_phone_is_the_key(uploader: Any, files: Any) -> None:
    header = ("姓名", "手机")
    await uploader.imported(files.csv_of([("赵示例", "13800138001")], header))

    again = await uploader.imported(files.csv_of([("赵示例", "+86 138 0013 8001")], header))

    assert again.counts.duplicate_count == 1
    (lead,) = await uploader.leads()
    assert lead["external_id"].startswith("phone:")
    assert "13800138001" not in lead["external_id"]


async def test_a_row_that_is_fixed_later_takes_the_quarantined_place(
    uploader: Any, files: Any
) -> None:
    first = await uploader.imported(files.csv_of([files.lead(1, phone="")]))

    fixed = await uploader.imported(files.csv_of([files.lead(1)]))

    assert (first.counts.quarantined_count, fixed.counts.accepted_count) == (1, 1)
    (item,) = await uploader.items()
    assert (item["state"], item["reason"]) == (2, None)
    assert len(await uploader.events("LeadReceived")) == 1


async def test_an_import_is_watched_to_its_end(uploader: Any, files: Any) -> None:
    import_id = await uploader.upload(files.csv_of([files.lead(n) for n in range(2000)]))
    await uploader.start(import_id)

    seen = [
        each.progress
        async for each in uploader.rpc.WatchImport(pb.WatchImportRequest(import_id=import_id))
    ]

    assert seen[-1].state == pb.IMPORT_STATE_FINISHED
    assert [each.done_count for each in seen] == sorted(each.done_count for each in seen)
    assert seen[-1].rows_per_s > 0


async def test_the_template_that_knows_most_headers_is_taken_unless_one_is_named(
    uploader: Any, files: Any
) -> None:
    columns = "xhs_nickname xhs_user_id source_note creative_id conversion_method wechat_id"
    header = columns.split()
    row = ("小红薯示例", "5f00", "笔记标题", "123456", "私信", "wx_red_1")

    best = await uploader.imported(files.csv_of([row], header))
    named = await uploader.imported(files.csv_of([files.lead(1)]), "generic_customers")

    assert (best.template, best.counts.accepted_count) == ("xiaohongshu_leads", 1)
    assert named.template == "generic_customers"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await uploader.start(best.import_id, "no_such_template")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
