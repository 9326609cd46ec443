"""A process that is killed while it seals the audit log leaves nothing half done."""

import asyncio
import base64
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from permissions.commands import recording
from permissions.commands.sealing import Keyring, Sealer
from permissions.domain.audit import Event
from permissions.queries import audit as queries
from permissions.store import audit
from servicekit.database import Database

SEED = base64.b64encode(bytes([1] * 32)).decode()
KILLED = """
import asyncio, os, signal, sys
from permissions.commands import sealing
from permissions.store import audit, checkpoints
from servicekit.database import Database

async def main():
    database, keyring = Database(sys.argv[1], service="permissions"), sealing.Keyring(sys.argv[2])
    async with database.unit_of_work() as uow:
        assert await checkpoints.try_lock(uow.raw)
        end = await audit.head(uow.raw)
        await sealing.seal(uow, end, keyring.first(end.log_id))
        if sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="permissions")
    yield opened
    await opened.stop()


@pytest.mark.parametrize(("when", "sizes"), [("before", [1001]), ("after", [1000])])
async def test_a_sealer_killed_before_or_after_its_commit_seals_never_or_once(
    database: Database, when: str, sizes: list[int]
) -> None:
    sealer = Sealer(database, Keyring(SEED))
    await sealer.step()
    await record(database, 999)

    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, database.url, SEED, when],
        check=False,
        timeout=60,
    )
    await record(database, 1)
    await sealer.step()

    assert killed.returncode == -signal.SIGKILL
    found, _ = await queries.list_checkpoints(database, after_size=0, page_size=0)
    assert [checkpoint.size for checkpoint in found] == sizes
    async with database.raw() as raw:
        published = "select count(*) from outbox where event_type like '%AuditSealed'"
        assert await raw.fetchval(published) == len(sizes)
        assert (await audit.head(raw)).seq == 1001


async def record(database: Database, count: int) -> None:
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        for _ in range(count):
            log.append(Event("decided", "assignment", resource="lead:l1"))
        await log.finish()
