"""What the long tests share: breaking a running stack piece by piece, and knowing when it has caught up again."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from leadctl.clients import NotAnswered, Services
from leadctl.demo.settling import read_books
from leadctl.installation import SERVICE_NAMES
from leadctl.stack.stack import Stack
from servicekit.testing.servers import MEMORY
from servicekit.testing.waiting import eventually

SERVERS = ("nats", "postgres")
HEALTHY_WITHIN_S = 90.0
DRAINED_WITHIN_S = 120.0
ON_ITS_WAY_S = 2.0
"""How long a lead may be between the door and its owner's reminder while nothing is broken, on two busy cores."""


@dataclass
class Outage:
    """One piece killed: when, when everything answered healthy again, when the backlog was gone. Unix seconds."""

    victim: str
    killed_at_s: float
    healthy_at_s: float = field(default=float("inf"))
    drained_at_s: float = field(default=float("inf"))

    def strikes(self, accepted_at_s: float, *, told_at_s: float, promised_s: float) -> bool:
        """Whether a lead was accepted in it, or was on its way to its owner, and not late yet, when it began."""
        undisturbed_until_s = min(told_at_s, accepted_at_s + promised_s)
        return accepted_at_s <= self.drained_at_s and self.killed_at_s <= undisturbed_until_s


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder for the data of stacks: in memory, where they outlive a kill and wait for no disk."""
    folder = Path(
        tempfile.mkdtemp(prefix="leadchain-chaos-", dir=MEMORY if MEMORY.is_dir() else None)
    )
    folder.chmod(0o711)  # PostgreSQL may run as another user
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def victims() -> tuple[str, ...]:
    """Everything that runs: each service, then both servers."""
    return (*SERVICE_NAMES, *SERVERS)


@pytest.fixture
def broken(stack: Stack, known: Services) -> Callable[..., Awaitable[Outage]]:
    """Kills one piece with SIGKILL, starts it again, and waits until all is healthy and the backlog has gone.

    The backlog has gone when no more than leads of `ON_ITS_WAY_S` are between the door and their owner's reminder.
    """

    async def run(victim: str, *, rate_per_s: float) -> Outage:
        outage = Outage(victim, time.time())
        await asyncio.to_thread(stack.kill, victim, signal.SIGKILL)
        await stack.start(victim)
        await eventually(
            lambda: _is_healthy(stack), deadline_s=HEALTHY_WITHIN_S, what=f"health after {victim}"
        )
        outage.healthy_at_s = time.time()
        await eventually(
            lambda: _has_caught_up(known, rate_per_s * ON_ITS_WAY_S),
            deadline_s=DRAINED_WITHIN_S,
            what=f"the end of the backlog after {victim}",
        )
        outage.drained_at_s = time.time()
        return outage

    return run


async def _is_healthy(stack: Stack) -> bool:
    return not any(each.problem for each in await stack.status())


async def _has_caught_up(known: Services, backlog_max: float) -> bool:
    try:
        books = await read_books(known)
    except NotAnswered:  # a service that answers its probe may still be connecting to the others
        return False
    if books.ledger.unreachable:
        return False
    owned = [line for line in books.funnel.lines if line.outcome == "assigned"]
    reminded = sum(line.reminded_count for line in owned)
    total = books.ledger.total
    return books.ledger.in_flight_count + total.assigned_count - reminded <= backlog_max
