"""What survives: a process that ends between commit and mapping, and a store that goes away and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from servicekit import migrations
from servicekit.testing.databases import create_database
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from servicekit.local.postgres_server import PostgresServer

CRASHING = """
import asyncio, os, sys
from lead_intake.app import build
from lead_intake.settings import Settings

async def crash():
    chassis = build(Settings())
    chassis.workers[:] = [worker for worker in chassis.workers if worker.name != "mapper"]
    await chassis.service().start()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(crash())
"""


async def test_a_delivery_accepted_before_a_kill_is_mapped_after_the_restart(
    start_intake: Any, intake_settings: Any, samples: Any, keys: Any
) -> None:
    async with start_intake() as intake:
        paths = dict(intake.paths)
    settings = intake_settings()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING, env=environment(settings), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while b"started" not in await process.stdout.readline():
                pass
        lead_id = await posted(settings, paths["website_form"], samples)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()

    async with start_intake() as intake:
        (item,) = await intake.settled(1)
        assert str(item["lead_id"]) == lead_id
        assert await intake.events() == [("LeadReceived", lead_id)]


async def test_while_the_store_is_away_senders_are_told_to_come_back(
    own_postgres_server: PostgresServer, start_intake: Any, samples: Any
) -> None:
    await create_database(own_postgres_server.url(), "intake")
    url = own_postgres_server.url("intake")
    await asyncio.to_thread(migrations.upgrade, url, "lead_intake")
    async with start_intake(database_url=url) as intake:
        before = await intake.accepted_form(samples.form())
        await asyncio.to_thread(own_postgres_server.kill9)

        raw = b'{"fields": {"mobile": "13800138004"}}'
        async with intake.http.post(
            intake.paths["website_form"], data=raw, headers=samples.sign_form(raw)
        ) as answer:
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) >= 1

        await asyncio.to_thread(own_postgres_server.start)

        async def accepted() -> str | None:
            status, body = await intake.post_form(raw, webhook_id="msg_again")
            return body["id"] if status == 202 else None

        after = await eventually(accepted, deadline_s=20, what="the store is back")
        rows = await reconnected(url)
        try:

            async def both_mapped() -> bool:
                found = await rows.fetch("select lead_id from items where state = 2")
                return {str(row[0]) for row in found} == {before, after}

            await eventually(both_mapped, deadline_s=20, what="both leads are mapped")
        finally:
            await rows.close()


async def test_more_than_the_queue_holds_is_refused_for_the_moment(
    start_intake: Any, samples: Any
) -> None:
    async with start_intake(accept_queue_max=1) as intake:
        answers = await asyncio.gather(*(intake.post_form(samples.form()) for _ in range(60)))

        statuses = [status for status, _ in answers]
        stored = await intake.rows.fetchval("select count(*) from deliveries")
        assert set(statuses) <= {202, 503}
        assert statuses.count(202) == stored
        assert 503 in statuses


async def reconnected(url: str) -> Any:
    import asyncpg

    return await asyncpg.connect(url)


async def posted(settings: Any, path: str, samples: Any) -> str:
    import aiohttp

    raw = b'{"fields": {"mobile": "13800138004"}}'
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{settings.http_port}") as http,
        http.post(path, data=raw, headers=samples.sign_form(raw)) as answer,
    ):
        assert answer.status == 202
        return str((await answer.json())["id"])


def environment(settings: Any) -> dict[str, str]:
    return {
        **os.environ,
        "LEAD_INTAKE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NATS_URL": settings.nats_url,
        "PERMISSIONS_GRPC": settings.permissions_grpc,
        "JWKS_FILE": str(settings.jwks_file),
        "HTTP_PORT": str(settings.http_port),
        "GRPC_PORT": "0",
        "FIELD_KEYS": settings.field_keys.get_secret_value(),
        "INDEX_KEY": settings.index_key.get_secret_value(),
    }
