"""An import outlives the processes that work on it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from leadchain.intake.v1 import imports_service_pb2 as pb
from servicekit.testing.waiting import eventually

SERVING = """
import asyncio
from lead_intake.app import build
from lead_intake.settings import Settings

async def serve():
    chassis = build(Settings())
    await chassis.service().start()
    print("port", chassis.grpc.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""
ROWS = 5000


async def test_after_a_kill_in_the_middle_every_row_is_a_lead_exactly_once(
    start_intake: Any, intake_settings: Any, uploader_of: Any, files: Any, keys: Any
) -> None:
    content = files.csv_of([files.lead(number) for number in range(ROWS)])
    async with start_intake() as intake, uploader_of(intake) as uploader:
        import_id = await uploader.upload(content)

    await killed_in_the_middle(intake_settings(), keys, files, import_id)

    async with start_intake() as intake, uploader_of(intake) as uploader:
        left = await uploader.rows.fetchval("select count(*) from items")
        ended = await uploader.ended(import_id)
        keys_kept = [lead["external_id"] for lead in await uploader.leads()]
        events = [each["key"] for each in await uploader.events("LeadReceived")]

        assert 0 < left < ROWS
        assert (ended.state, ended.counts.accepted_count) == (pb.IMPORT_STATE_FINISHED, ROWS)
        assert sorted(keys_kept) == [f"L{number:06d}" for number in range(ROWS)]
        assert len(events) == len(set(events)) == ROWS
        assert len(await uploader.events("ImportFinished")) == 1


async def killed_in_the_middle(settings: Any, keys: Any, files: Any, import_id: str) -> None:
    """Starts the import in a process of its own and kills that when some rows are let in."""
    import asyncpg

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVING, env=environment(settings), stdout=asyncio.subprocess.PIPE
    )
    rows = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        port = await port_told(process)
        async with files.uploading(port, keys.token("operator"), rows) as uploader:
            await uploader.start(import_id)

            async def some_are_in() -> bool:
                return bool(await rows.fetchval("select count(*) from items") > 0)

            await eventually(some_are_in, deadline_s=30, what="the first rows are let in")
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await rows.close()


async def port_told(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while True:
            line = await process.stdout.readline()
            if line.startswith(b"port "):
                return int(line.split()[1])


async def test_two_processes_share_an_import(
    start_intake: Any, uploader_of: Any, files: Any
) -> None:
    content = files.csv_of([files.lead(number) for number in range(ROWS)])
    async with (
        start_intake() as first,
        start_intake(http_port=0) as second,
        uploader_of(first) as uploader,
        uploader_of(second) as other,
    ):
        import_id = await uploader.upload(content)
        await asyncio.gather(uploader.start(import_id), other.start(import_id))
        ended = await other.ended(import_id)

        assert ended.counts.accepted_count == ROWS
        assert len(await uploader.leads()) == ROWS
        assert len(await uploader.events("ImportFinished")) == 1


async def test_what_refused_rows_held_is_forgotten_after_seven_days(
    start_intake: Any, uploader_of: Any, files: Any
) -> None:
    async with start_intake() as intake, uploader_of(intake) as uploader:
        done = await uploader.imported(files.csv_of([files.lead(1, phone="")]))
        waiting = await uploader.upload(files.csv_of([files.lead(2)]))
        assert len(await uploader.errors(done.import_id)) == 2
        await uploader.rows.execute("update imports set created_at = now() - interval '8 days'")

    async with start_intake() as intake, uploader_of(intake) as uploader:

        async def forgotten() -> bool:
            parts = await uploader.rows.fetchval("select count(*) from import_parts")
            refused = await uploader.rows.fetchval("select count(refused) from import_chunks")
            return bool(parts == refused == 0)

        await eventually(forgotten, what="old files are forgotten")
        assert (await uploader.ended(waiting)).problem == "expired"
        assert (await uploader.ended(done.import_id)).state == pb.IMPORT_STATE_FINISHED


def environment(settings: Any) -> dict[str, str]:
    return {
        **os.environ,
        "LEAD_INTAKE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NATS_URL": settings.nats_url,
        "PERMISSIONS_GRPC": settings.permissions_grpc,
        "JWKS_FILE": str(settings.jwks_file),
        "HTTP_PORT": "0",
        "GRPC_PORT": "0",
        "FIELD_KEYS": settings.field_keys.get_secret_value(),
        "INDEX_KEY": settings.index_key.get_secret_value(),
    }


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
