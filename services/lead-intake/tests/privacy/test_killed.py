"""A process that is killed in the middle of an erasure leaves it undone or done, never in between."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.testing.thoroughness import rounds
from servicekit.testing.waiting import eventually

from .conftest import PHONE

if TYPE_CHECKING:
    from lead_intake.settings import Settings

LEADS = 60

# Does what the worker does, without the wait, until it is killed.
ERASING = """
import asyncio
from datetime import timedelta
from lead_intake.commands import subjects
from lead_intake.seals import Seals
from lead_intake.settings import Settings
from servicekit.database import Database

async def erase():
    settings = Settings()
    database = Database(settings.database_url.get_secret_value(), service="lead-intake")
    await database.start()
    print("begun", flush=True)
    async with database.unit_of_work() as uow:
        await subjects.ask_services(uow, Seals.of(settings), settle=timedelta(0))
    await database.stop()

asyncio.run(erase())
"""


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(1, long=20)))
async def test_a_killed_eraser_leaves_no_half_erased_person(
    start_rights: Any, intake_settings: Any, seed: int
) -> None:
    async with start_rights() as rights:
        for number in range(LEADS):
            await rights.intake.accepted_form({"fields": {"mobile": PHONE, "name": str(number)}})
        await rights.intake.settled(LEADS)
        await eventually(lambda: all_sent(rights), deadline_s=20, what="every event has left")
        request = pb.RequestErasureRequest(subject=pb.Subject(phone=PHONE), reason="DSR-1")
        request_id = (await rights.call("RequestErasure", request)).request_id

        await killed_after(intake_settings(), random.Random(seed).uniform(0.0, 0.05))
        seen = await rights.intake.rows.fetchrow(STATE)
        await rights.asked(request_id)
        after = await rights.intake.rows.fetchrow(STATE)
        asked = await rights.states(SubjectErasureRequested)

    assert tuple(seen) in {(1, LEADS, LEADS, LEADS, 0), (2, 0, 0, 0, 1)}
    assert tuple(after) == (2, 0, 0, 0, 1)
    assert [len(event.lead_ids) for event in asked] == [LEADS]


STATE = """
select (select state from subject_requests), (select count(*) from contact_points where kind > 0),
       (select count(*) from deliveries where raw is not null),
       (select count(*) from outbox where event_type like '%LeadReceived'),
       (select count(*) from deletion_certificates)
"""


async def all_sent(rights: Any) -> bool:
    return not await rights.intake.rows.fetchval(
        "select count(*) from outbox where published_at is null"
    )


async def killed_after(settings: Settings, delay_s: float) -> None:
    """Starts the eraser and kills it so long after it has begun."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ERASING, env=environment(settings), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    async with asyncio.timeout(60):
        assert await program.stdout.readline() == b"begun\n"
        try:
            await asyncio.wait_for(program.wait(), timeout=delay_s)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has just ended by itself
                program.kill()
        await program.communicate()


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "LEAD_INTAKE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NATS_URL": settings.nats_url,
        "PERMISSIONS_GRPC": settings.permissions_grpc,
        "JWKS_FILE": str(settings.jwks_file),
        "FIELD_KEYS": settings.field_keys.get_secret_value(),
        "INDEX_KEY": settings.index_key.get_secret_value(),
    }
