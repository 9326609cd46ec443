"""A process is killed in the middle of a comparison: what it stored is not doubled, what it did not see comes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from servicekit.testing.waiting import eventually

SERVING = """
import asyncio
from lead_intake.app import build
from lead_intake.settings import Settings

async def serve():
    await build(Settings()).service().start()
    await asyncio.Event().wait()

asyncio.run(serve())
"""


def environment(settings: Any, graph_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "LEAD_INTAKE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NATS_URL": settings.nats_url,
        "PERMISSIONS_GRPC": settings.permissions_grpc,
        "JWKS_FILE": str(settings.jwks_file),
        "HTTP_PORT": str(settings.http_port),
        "GRPC_PORT": "0",
        "GRAPH_BASE_URL": graph_url,
        "FIELD_KEYS": settings.field_keys.get_secret_value(),
        "INDEX_KEY": settings.index_key.get_secret_value(),
        "WATCH_SCALE": "0.005",
    }


async def test_a_kill_between_two_pages_loses_and_doubles_nothing(
    start_watched: Any, graph: tuple[Any, str], samples: Any
) -> None:
    async with start_watched(watch_scale=100.0) as watched:
        settings, account_id = watched.settings, watched.account_id
        watched.advertise("1", "2", "3", "4", "5")
        # The comparison of this process, if there was one, is left behind.
        await watched.intake.rows.execute(
            "update pulls set due_at = now(), compared_until = now() - interval '1 hour', lease_id = null, "
            "leased_until = null"
        )
    fake, url = graph
    fake.business.page_size_max, fake.business.gate = 2, asyncio.Event()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVING,
        env=environment(settings, url),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await eventually(lambda: fake.stats.fetched >= 2, deadline_s=40, what="a page is stored")
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    fake.business.gate.set()

    async with start_watched() as watched:
        intake = watched.intake
        before = await intake.rows.fetchval("select count(*) from deliveries")
        # The dead process's leases run out.
        await intake.rows.execute(
            "update pulls set leased_until = now(); update items set due_at = now() where state = 1"
        )

        items = await intake.settled(5)

        assert 0 < before < 5
        assert sorted(item["external_id"] for item in items) == ["1", "2", "3", "4", "5"]
        assert {item["account_id"] for item in items} == {account_id}
        assert await intake.rows.fetchval("select count(*) from deliveries") == 5
        leads = [name for name, _ in await intake.events() if name == "LeadReceived"]
        assert len(leads) == 5
