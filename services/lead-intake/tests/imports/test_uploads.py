"""Uploads: in parts, in order, whole, and only as much as there is room for."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from leadchain.intake.v1 import imports_service_pb2 as pb
from servicekit.access import needs_of


def large_file(files: Any) -> bytes:
    content: bytes = files.csv_of([files.lead(number, device="测" * 60) for number in range(3000)])
    return content


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_a_broken_upload_goes_on_where_it_broke(uploader: Any, files: Any) -> None:
    content = large_file(files)
    parts = files.parts_of(content)
    begun = await uploader.begin(content)
    half = await uploader.send(begun.import_id, parts[:2])

    again = await uploader.begin(content)
    whole = await uploader.send(again.import_id, parts[again.part_count :], again.part_count)

    assert len(parts) == 3
    assert (half.part_count, half.state) == (2, pb.IMPORT_STATE_UPLOADING)
    assert (again.import_id, again.part_count) == (begun.import_id, 2)
    assert (whole.part_count, whole.state) == (len(parts), pb.IMPORT_STATE_UPLOADED)
    await uploader.start(begun.import_id)
    assert (await uploader.ended(begun.import_id)).counts.accepted_count == 3000


async def test_parts_out_of_order_or_of_a_wrong_size_are_refused(uploader: Any, files: Any) -> None:
    content = large_file(files)
    parts = files.parts_of(content)
    import_id = (await uploader.begin(content)).import_id

    skipped = await code_of(uploader.send(import_id, parts[1:], 1))
    short = await code_of(uploader.send(import_id, [parts[0][:-1]]))
    stranger = await code_of(uploader.send("01a20073-1560-702f-bc7f-000000000000", parts))

    assert skipped is grpc.StatusCode.FAILED_PRECONDITION
    assert short is grpc.StatusCode.INVALID_ARGUMENT
    assert stranger is grpc.StatusCode.NOT_FOUND


async def test_a_file_that_is_not_the_announced_one_is_uploaded_anew(
    uploader: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(1)])
    import_id = (await uploader.begin(content)).import_id

    wrong = await code_of(uploader.send(import_id, [content[:-1] + b"?"]))
    right = await uploader.send(import_id, [content])

    assert wrong is grpc.StatusCode.INVALID_ARGUMENT
    assert right.state == pb.IMPORT_STATE_UPLOADED


async def test_files_beyond_the_limit_and_a_full_spool_are_refused(
    start_intake: Any, uploader_of: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(number) for number in range(10)])
    limits = {"import_bytes_max": len(content), "import_spool_bytes_max": len(content) + 10}
    async with start_intake(**limits) as intake, uploader_of(intake) as uploader:
        fits = await uploader.begin(content)
        too_large = await code_of(uploader.begin(content + b"\n"))
        too_many = await code_of(uploader.begin(content[:-2]))

        assert fits.state == pb.IMPORT_STATE_UPLOADING
        assert too_large is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert too_many is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_unknown_account_and_an_empty_file_are_refused(uploader: Any, files: Any) -> None:
    empty = await code_of(uploader.begin(b""))
    uploader.channel = "no_such_channel"
    unknown = await code_of(uploader.begin(files.csv_of([files.lead(1)])))

    assert empty is grpc.StatusCode.INVALID_ARGUMENT
    assert unknown is grpc.StatusCode.NOT_FOUND


async def test_every_rpc_of_imports_needs_the_right_to_operate(
    intake: Any, uploader_of: Any, files: Any
) -> None:
    name = "leadchain.intake.v1.ImportsService"
    methods = descriptor_pool.Default().FindServiceByName(name).methods

    needs = needs_of(name)

    assert {method.name for method in methods} == set(needs)
    for need in needs.values():
        assert need is not None
        assert (need.action, need.resource_type, need.any_caller) == ("operate", "platform", False)
    async with uploader_of(intake, "no token") as stranger:
        refused = await code_of(stranger.begin(files.csv_of([files.lead(1)])))
    assert refused is grpc.StatusCode.UNAUTHENTICATED


async def test_imports_are_listed_newest_first(uploader: Any, files: Any) -> None:
    for number in range(3):
        await uploader.upload(files.csv_of([files.lead(number)]))

    page = await uploader.rpc.ListImports(pb.ListImportsRequest(page_size=2))
    rest = await uploader.rpc.ListImports(pb.ListImportsRequest(page_token=page.next_page_token))

    found = [each.import_id for each in (*page.imports, *rest.imports)]
    assert found == sorted(found, reverse=True)
    assert (len(page.imports), len(found)) == (2, 3)
