"""A preview says what will happen, writes nothing, and shows nobody's data."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import imports_service_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def uploader(shared_uploader: Any) -> Any:
    return shared_uploader


def mixed_rows(files: Any) -> list[list[str]]:
    rows = [files.lead(number) for number in range(900)]
    rows += [files.lead(0, city="成都"), files.lead(1)]
    rows += [files.lead(5000, id="", phone=""), files.lead(5001, name="坏\x00")]
    return rows


async def test_the_preview_of_a_file_equals_its_run(uploader: Any, files: Any) -> None:
    await uploader.imported(files.csv_of([files.lead(10), files.lead(11, city="杭州")]))
    import_id = await uploader.upload(files.csv_of(mixed_rows(files)))

    _, last, _ = await uploader.preview(import_id, all_rows=True)
    before = len(await uploader.items())
    await uploader.start(import_id)
    ended = await uploader.ended(import_id)

    assert before == 2
    assert last.totals == ended.counts
    assert last.totals.accepted_count == 898
    assert last.totals.updated_count == 1
    assert last.totals.duplicate_count == 3
    assert last.totals.quarantined_count == 2


async def test_each_row_has_its_verdict_with_values_masked(uploader: Any, files: Any) -> None:
    await uploader.imported(files.csv_of([files.lead(1)]))
    (known,) = await uploader.leads()
    rows = [
        files.lead(1),
        files.lead(2),
        files.lead(2, city="成都"),
        files.lead(3, id="", phone=""),
    ]

    import_id = await uploader.upload(files.csv_of(rows))
    verdicts, last, columns = await uploader.preview(import_id)

    shown = [(each.row_number, each.outcome, each.reason) for each in verdicts]
    assert shown == [
        (2, pb.ROW_OUTCOME_DUPLICATE, ""),
        (3, pb.ROW_OUTCOME_ACCEPTED, ""),
        (4, pb.ROW_OUTCOME_DUPLICATE, ""),
        (5, pb.ROW_OUTCOME_QUARANTINED, "no_contact_point"),
    ]
    assert verdicts[0].repeats_lead_id == str(known["lead_id"])
    assert verdicts[2].repeats_row == 3
    assert (verdicts[1].name_display, verdicts[1].phone_display) == ("赵**", "138****0002")
    assert [(each.header, each.field) for each in columns][-2:] == [
        ("城市", "city"),
        ("想看的设备", "answers"),
    ]
    assert not last.has_more_rows


async def test_a_preview_looks_at_as_many_rows_as_asked(uploader: Any, files: Any) -> None:
    import_id = await uploader.upload(files.csv_of([files.lead(n) for n in range(1500)]))

    usual, usual_last, _ = await uploader.preview(import_id)
    few, few_last, _ = await uploader.preview(import_id, row_count_max=3)

    assert (len(usual), usual_last.has_more_rows) == (1000, True)
    assert (len(few), few_last.totals.accepted_count) == (3, 3)


async def test_before_the_file_is_here_nothing_can_be_previewed_or_started(
    uploader: Any, files: Any
) -> None:
    begun = await uploader.begin(files.csv_of([files.lead(1)]))

    for call in (uploader.preview(begun.import_id), uploader.start(begun.import_id)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
