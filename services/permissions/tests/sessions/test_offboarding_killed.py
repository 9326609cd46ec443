"""The program that offboards somebody is killed at any moment: it was done whole, or not at all."""

import asyncio
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from accesskit.changes import FactPut, PrincipalPut
from accesskit.facts import Fact
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from servicekit.testing.thoroughness import rounds

LEAVING = Path(__file__).parent / "leaving.py"
OWNED = 300
KILLS = rounds(2, long=40)

_TRACES = {
    "epoch": "select epoch from principals where principal_id = $1",
    "report": "select count(*) from offboardings where principal_id = $1",
    "entry": """
        select count(*) from audit_entries
        where convert_from(fact, 'UTF8')::jsonb @> jsonb_build_object('action', 'offboarded', 'resource', 'user:' || $1)
    """,
    "owned": "select count(*) from leases where owner_id = $1",
    "open": "select count(*) from sessions where principal_id = $1 and revoked_at is null",
    "roles": "select count(*) from facts where subject_id = $1 and relation = 'member'",
    "event": "select count(*) from outbox where key = $1 and event_type like '%.SessionsRevoked'",
}
UNTOUCHED = {
    "epoch": 1,
    "report": 0,
    "entry": 0,
    "owned": OWNED,
    "open": 1,
    "roles": 1,
    "event": 0,
}
DONE = {"epoch": 2, "report": 1, "entry": 1, "owned": 0, "open": 0, "roles": 0, "event": 1}


@pytest.mark.soak
async def test_an_offboarding_that_is_killed_is_done_whole_or_not_at_all(office: Any) -> None:
    await employ(office, "unhurt")
    usual_s = await leave_for(office, "unhurt", at_most_s=30)

    for number in range(KILLS):
        person_id = f"leaver-{number}"
        await employ(office, person_id)
        # A moment of its own stretch of the usual time, so that early and late ones both occur.
        moment = (number + random.random()) / KILLS
        await leave_for(office, person_id, at_most_s=moment * usual_s)

        assert await traces(office, person_id) in (UNTOUCHED, DONE)
        request = pb.OffboardRequest(
            request_id=f"leave-{person_id}", principal_id=person_id, reason="security"
        )
        report = (await office.call("Offboard", request, by="sec")).report
        assert (report.handed_over_count, report.epoch) == (OWNED, 2)
        assert await traces(office, person_id) == DONE


async def employ(office: Any, person_id: str) -> None:
    """Somebody with a role, a manager, a session and customers."""
    await office.state(
        PrincipalPut(person_id, "user", "active", 1),
        FactPut(Fact("role", "salesperson", "member", "user", person_id)),
        FactPut(Fact("user", person_id, "manager", "user", "boss")),
    )
    await office.give(person_id, *(f"lead:{person_id}-{number}" for number in range(OWNED)))
    await office.sign_in(person_id)


async def leave_for(office: Any, person_id: str, *, at_most_s: float) -> float:
    """Starts the program and kills it so long after it has begun; returns how long it ran after that."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, LEAVING, office.database.url, person_id, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    async with asyncio.timeout(60):
        assert await program.stdout.readline() == b"begun\n"
        began_s = time.monotonic()
        try:
            await asyncio.wait_for(program.wait(), timeout=at_most_s)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has just ended by itself
                program.kill()
        await program.wait()
    return time.monotonic() - began_s


async def traces(office: Any, person_id: str) -> dict[str, int]:
    """What there is of a person, once nobody holds the end of the log."""
    async with office.database.unit_of_work() as uow:
        await uow.raw.execute("select 1 from audit_head for update")
        return {name: int(await uow.raw.fetchval(sql, person_id)) for name, sql in _TRACES.items()}
