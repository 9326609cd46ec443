"""Files become leads: every row once, each with its outcome, a known lead stated anew and never made twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
import pytest
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import Contact, LeadFacts, LeadReceived
from leadchain.intake.v1.import_events_pb2 import ImportFinished, InquiryRepeated
from servicekit.sealing import KeyRing


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
    waiting = await uploader.rows.fetch("select * from import_parts, imports")

    await uploader.start(import_id)
    await uploader.ended(import_id)

    done = await uploader.rows.fetch("select * from import_chunks, imports")
    assert waiting
    kept = b"".join(v for row in [*waiting, *done] for v in row.values() if isinstance(v, bytes))
    assert "示例".encode() not in kept
    assert b"13800000001" not in kept
    assert await uploader.rows.fetchval("select count(*) from import_parts") == 0
    assert await uploader.rows.fetchval("select count(rows) from import_chunks") == 0


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
    assert await uploader.rows.fetchval("select count(*) from items") == 701
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
    (item,) = await uploader.rows.fetch("select state, reason from items")
    assert tuple(item) == (2, None)
    assert len(await uploader.events("LeadReceived")) == 1


async def test_a_cancelled_import_goes_on_where_it_stopped(
    start_intake: Any, uploader_of: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(number) for number in range(3000)])
    async with start_intake(import_rows_per_s_max=1) as slow, uploader_of(slow) as uploader:
        import_id = await uploader.upload(content)
        await uploader.start(import_id)
        request = pb.CancelImportRequest(import_id=import_id)
        cancelled = (await uploader.rpc.CancelImport(request)).progress
        assert cancelled.state == pb.IMPORT_STATE_CANCELLED

    async with start_intake() as intake, uploader_of(intake) as uploader:
        stopped = await uploader.ended(import_id)
        assert stopped.done_count < 3000
        await uploader.start(import_id)
        ended = await uploader.ended(import_id)

        assert (ended.state, ended.done_count) == (pb.IMPORT_STATE_FINISHED, 3000)
        assert len(await uploader.leads()) == 3000


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


async def test_imports_are_listed_newest_first(uploader: Any, files: Any) -> None:
    for number in range(3):
        await uploader.upload(files.csv_of([files.lead(number)]))

    page = await uploader.rpc.ListImports(pb.ListImportsRequest(page_size=2))
    rest = await uploader.rpc.ListImports(pb.ListImportsRequest(page_token=page.next_page_token))

    found = [each.import_id for each in (*page.imports, *rest.imports)]
    assert found == sorted(found, reverse=True)
    assert (len(page.imports), len(found)) == (2, 3)


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


async def test_a_person_who_is_to_be_left_alone_is_rejected_and_nothing_of_them_is_given_back(
    start_intake: Any, uploader_of: Any, files: Any, keys: Any
) -> None:
    async with start_intake() as intake, uploader_of(intake) as uploader:
        await files.suppress(files.port_of(intake.service), keys.token("operator"), "13800000001")
        import_id = await uploader.upload(files.csv_of([files.lead(1), files.lead(2)]))

        _, last, _ = await uploader.preview(import_id)
        await uploader.start(import_id)
        ended = await uploader.ended(import_id)

        assert last.totals == ended.counts
        assert (ended.counts.accepted_count, ended.counts.rejected_count) == (1, 1)
        _, refused = await uploader.errors(import_id)
        assert refused == ["2", "suppressed", ""]
