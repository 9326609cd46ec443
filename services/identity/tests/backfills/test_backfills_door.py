"""Backfills over gRPC and from the command line: interrupted, given again, and each row once."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from identity.app import build
from leadchain.identity.v1 import backfills_service_pb2 as pb
from leadchain.identity.v1.backfills_service_pb2_grpc import BackfillsServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from identity.settings import Settings

MAP = "id: key\ncolumns: {姓名: name, 手机: phone, 修改时间: modified_at}\n"
ROWS = 40


@pytest.fixture
async def identity(
    settings: Settings, serve: Any, permissions: Any, crm: list[Any]
) -> AsyncIterator[Any]:
    await permissions.apply(crm)
    async with serve(build(settings)) as served:
        yield served


def a_row(number: int) -> pb.BackfillRow:
    fields = {"phone": f"+86138001380{number:02}", "name": f"张{chr(0x4E00 + number)}"}
    return pb.BackfillRow(source_key=f"K{number}", fields=fields)


async def put(
    stub: Any, backfill: pb.Backfill, batches: Iterable[tuple[int, Iterable[int]]]
) -> list[pb.PutRowsResponse]:
    """Sends batches, each with the number of its first row; what was answered to them."""
    return [
        await stub.PutRows(
            pb.PutRowsRequest(
                backfill_id=backfill.backfill_id,
                system=backfill.system,
                first_row=first_row,
                rows=map(a_row, numbers),
            )
        )
        for first_row, numbers in batches
    ]


async def test_batches_are_answered_when_they_are_durable_and_repeated_ones_are_passed_over(
    identity: Any,
) -> None:
    stub = BackfillsServiceStub(await identity.channel("leadctl"))
    opening = pb.OpenBackfillRequest(system="kingdee", name="customers", total_count=30)
    backfill = (await stub.OpenBackfill(opening)).backfill

    answers = await put(stub, backfill, [(1, range(10)), (11, range(10, 20))])
    again = await put(stub, backfill, [(11, range(10, 20)), (21, range(20, 30))])
    found = (await stub.OpenBackfill(opening)).backfill
    listed = await stub.ListBackfills(pb.ListBackfillsRequest())
    closing = pb.CloseBackfillRequest(backfill_id=found.backfill_id, system="kingdee")
    closed = (await stub.CloseBackfill(closing)).backfill

    assert [answer.backfill.done_count for answer in answers] == [10, 20]
    assert [answer.backfill.done_count for answer in again] == [20, 30]
    assert (found.new_count, found.joined_count, found.refused_count) == (30, 0, 0)
    assert [each.backfill_id for each in listed.backfills] == [found.backfill_id]
    assert closed.HasField("closed_at")


async def test_what_cannot_be_done_is_refused_by_what_is_wrong(identity: Any) -> None:
    stub = BackfillsServiceStub(await identity.channel("leadctl"))
    backfill = (
        await stub.OpenBackfill(pb.OpenBackfillRequest(system="kingdee", name="x"))
    ).backfill
    other = pb.Backfill(backfill_id=backfill.backfill_id, system="sap")
    calls = {
        "a gap": put(stub, backfill, [(5, [1])]),
        "no rows": put(stub, backfill, [(1, [])]),
        "another system's": put(stub, other, [(1, [1])]),
        "our own leads": stub.OpenBackfill(pb.OpenBackfillRequest(system="lead", name="x")),
        "a page": stub.ListBackfills(pb.ListBackfillsRequest(page_token="next")),
    }

    codes = {}
    for name, call in calls.items():
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call
        codes[name] = refusal.value.code().name

    assert codes == {
        "a gap": "FAILED_PRECONDITION",
        "no rows": "INVALID_ARGUMENT",
        "another system's": "NOT_FOUND",
        "our own leads": "INVALID_ARGUMENT",
        "a page": "INVALID_ARGUMENT",
    }


async def test_a_file_is_brought_in_from_where_it_stopped_and_names_its_bad_rows(
    identity: Any, tmp_path: Path
) -> None:
    file, columns = tmp_path / "customers.csv", tmp_path / "map.yaml"
    columns.write_text(MAP, "utf-8")
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["key", "姓名", "手机", "修改时间"])
        for n in range(ROWS):
            key = "" if n == 7 else f"K{n}"
            writer.writerow(
                [key, f"李{chr(0x4E00 + n)}", f"138001380{n:02}", "2026-01-25T13:30:00"]
            )
    stub = BackfillsServiceStub(await identity.channel("leadctl"))

    command = ["backfill", str(file), "--system", "old_crm", "--map", str(columns)]
    first = await leadctl(identity, tmp_path, *command, "--batch", "9")
    again = await leadctl(identity, tmp_path, *command)
    refused = await leadctl(identity, tmp_path, "backfills", "refused", first["backfill_id"])

    assert (first["done_count"], first["refused_count"], first["new_count"]) == (ROWS, 1, ROWS - 1)
    assert again == first
    assert [row["row"] for row in refused["rows"]] == [8]
    known = await stub.GetBackfill(pb.GetBackfillRequest(backfill_id=first["backfill_id"]))
    assert known.backfill.done_count == ROWS


async def leadctl(identity: Any, folder: Path, *arguments: str) -> Any:
    """What a command of identity's says in JSON."""
    token_file = folder / "token"
    token_file.write_text(identity.token_of("leadctl"))
    options = ["--json", "--target", f"identity=127.0.0.1:{identity.port}"]
    command = [sys.executable, "-m", "leadctl", "identity", *arguments, *options]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--token-file", str(token_file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)
