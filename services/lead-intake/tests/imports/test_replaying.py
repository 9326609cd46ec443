"""A row of a file that could not be understood is put right in the file: nothing is left to map it from."""

from __future__ import annotations

from typing import Any

from leadchain.intake.v1 import intake_service_pb2 as pb

STANDING = "select state, reason, external_id from items"
QUARANTINED, ACCEPTED = 4, 2


async def test_a_row_in_quarantine_stays_there_and_is_told_apart(
    intake: Any, uploader: Any, files: Any, keys: Any
) -> None:
    bearer = (("authorization", f"Bearer {keys.token('operator')}"),)
    await uploader.imported(files.csv_of([files.lead(1, phone=""), files.lead(2)]))
    before = await uploader.rows.fetch(f"{STANDING} where state = {QUARANTINED}")

    once = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(force=True))
    request = pb.ReplayMatchingRequest(force=True)
    matching = [each async for each in intake.rpc.ReplayMatching(request, metadata=bearer)]

    assert (once.replayed_count, once.unchanged_count, once.not_replayable_count) == (0, 0, 1)
    (told,) = matching
    assert (told.total_count, told.replayed_count, told.not_replayable_count) == (1, 0, 1)
    assert await uploader.rows.fetch(f"{STANDING} where state = {QUARANTINED}") == before
    assert len(before) == 1


async def test_a_delivery_beside_it_is_mapped_again(intake: Any, uploader: Any, files: Any) -> None:
    await uploader.imported(files.csv_of([files.lead(1, phone="")]))
    await intake.accepted_form({"fields": {"name": "赵示例"}, "first_action": "book_demo"})
    await intake.settled(2)

    told = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(force=True))

    assert (told.replayed_count, told.not_replayable_count) == (1, 1)


async def test_the_file_put_right_makes_the_lead(uploader: Any, files: Any) -> None:
    await uploader.imported(files.csv_of([files.lead(1, phone="")]))

    ended = await uploader.imported(files.csv_of([files.lead(1)]))

    (item,) = await uploader.rows.fetch(STANDING)
    assert tuple(item) == (ACCEPTED, None, "L000001")
    assert ended.counts.accepted_count == 1
    assert len(await uploader.events("LeadReceived")) == 1
