"""Turns stay fair, and no lead has two owners, while replicas are killed in the middle of their work."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1 import events_pb2 as pb
from servicekit.testing.thoroughness import rounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM = Path(__file__).parent / "programs" / "assigning.py"
REPLICAS = 4
REPS = 6


@asynccontextmanager
async def replicas_of(url: str, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """All replicas at work; whoever still runs in the end is killed."""
    running = [await started(url, replica, count) for replica in range(REPLICAS)]
    try:
        yield running
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def started(url: str, replica: int, count: int) -> asyncio.subprocess.Process:
    arguments = (url, str(replica), str(REPLICAS), str(count))
    return await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), *arguments, stdout=asyncio.subprocess.PIPE
    )


async def killed_in_its_work(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    await process.stdout.readline()
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def test_over_any_prefix_no_rep_is_two_leads_ahead_though_replicas_are_killed(
    office: Any, build: Any, migrated_url: str
) -> None:
    count = rounds(400, long=5_000)
    await office.put_reps(*(build.rep(f"rep-{number}") for number in range(REPS)))

    async with asyncio.timeout(90), replicas_of(migrated_url, count) as running:
        await asyncio.gather(*(killed_in_its_work(running[replica]) for replica in range(2)))
        for replica in range(2):
            running[replica] = await started(migrated_url, replica, count)
        for process in running:
            await process.communicate()

    assert [process.returncode for process in running] == [0] * REPLICAS
    events = [e for e in await office.published() if isinstance(e, pb.LeadAssigned)]
    assert len({event.lead_id for event in events}) == len(events) == count
    given: Counter[str] = Counter({f"rep-{number}": 0 for number in range(REPS)})
    for event in events:
        given[event.assignee_id] += 1
        assert max(given.values()) - min(given.values()) <= 1
