"""An undo withdraws what an import made, leaves what others stated, and says so."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1.import_events_pb2 import ImportUndone, LeadsWithdrawn


async def undone(uploader: Any, import_id: str) -> pb.ImportProgress:
    await uploader.rpc.UndoImport(pb.UndoImportRequest(import_id=import_id))
    progress: pb.ImportProgress = await uploader.ended(import_id)
    return progress


async def test_an_undone_import_leaves_no_lead_and_names_each_that_is_withdrawn(
    uploader: Any, files: Any
) -> None:
    rows = [files.lead(number) for number in range(1100)] + [files.lead(0, id="", phone="")]
    ended = await uploader.imported(files.csv_of(rows))
    made = {str(lead["lead_id"]) for lead in await uploader.leads()}

    progress = await undone(uploader, ended.import_id)
    again = await undone(uploader, ended.import_id)

    assert progress.state == again.state == pb.IMPORT_STATE_UNDONE
    assert (progress.withdrawn_count, progress.kept_count) == (1100, 0)
    assert await uploader.leads() == []
    states = await uploader.rows.fetch("select distinct state, reason from items")
    assert [tuple(each) for each in states] == [(3, "withdrawn")]
    told = [
        LeadsWithdrawn.FromString(each["payload"])
        for each in await uploader.events("LeadsWithdrawn")
    ]
    assert max(len(each.lead_ids) for each in told) <= 500
    assert {lead_id for each in told for lead_id in each.lead_ids} == made
    (event,) = await uploader.events("ImportUndone")
    assert ImportUndone.FromString(event["payload"]).withdrawn_count == 1100
    assert ImportUndone.FromString(event["payload"]).undone_by == "leadctl"


async def test_the_book_leaves_it_to_assignment_what_becomes_of_leads_that_were_handed_on(
    uploader: Any, files: Any
) -> None:
    ended = await uploader.imported(files.csv_of([files.lead(1), files.lead(2, phone="")]))
    passed, quarantined, rejected = 1, 2, 3
    before = await uploader.rows.fetch("select state from book order by state")

    await undone(uploader, ended.import_id)

    after = await uploader.rows.fetch("select state from book order by state")
    assert [row[0] for row in before] == [passed, quarantined]
    assert [row[0] for row in after] == [passed, rejected]


async def test_leads_that_were_stated_since_or_only_updated_stay(uploader: Any, files: Any) -> None:
    await uploader.imported(files.csv_of([files.lead(1)]))
    second = await uploader.imported(
        files.csv_of([files.lead(1, city="杭州"), files.lead(2), files.lead(3)])
    )
    await uploader.imported(files.csv_of([files.lead(3, city="成都")]))

    progress = await undone(uploader, second.import_id)

    assert (progress.withdrawn_count, progress.kept_count) == (1, 2)
    left = {lead["external_id"] for lead in await uploader.leads()}
    assert left == {"L000001", "L000003"}


async def test_an_undone_file_can_be_imported_anew_and_makes_new_leads(
    uploader: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(1)])
    first = await uploader.imported(content)
    (before,) = await uploader.leads()
    await undone(uploader, first.import_id)

    second = await uploader.imported(content)

    (after,) = await uploader.leads()
    assert second.import_id != first.import_id
    assert second.counts.accepted_count == 1
    assert after["lead_id"] != before["lead_id"]


async def test_after_seven_days_or_before_the_end_nothing_is_undone(
    uploader: Any, files: Any
) -> None:
    ended = await uploader.imported(files.csv_of([files.lead(1)]))
    waiting = await uploader.upload(files.csv_of([files.lead(2)]))
    await uploader.rows.execute("update imports set started_at = started_at - interval '8 days'")

    for import_id in (ended.import_id, waiting):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await undone(uploader, import_id)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert len(await uploader.leads()) == 1
