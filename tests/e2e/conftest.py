"""One stack for the modules that neither break it nor count all that is on it; each has accounts of its own."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from leadchain.intake.v1 import events_pb2, facts_events_pb2
from leadctl.demo.environment import demo_stack
from leadctl.stack.stack import Stack
from servicekit.testing.servers import MEMORY

PATIENT = "contact_within_s: 900\nmax_hops: 2\n"
"""No clock runs out during the tests, so that a lead of one module stays where it is while another module looks."""


MEMORY_BYTES_MIN = 3 * 2**30
"""What the data of several stacks may come to."""


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder for the data of stacks: in memory, where they outlive a kill and wait for no disk, if that is roomy."""
    is_roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    folder = Path(tempfile.mkdtemp(prefix="leadchain-e2e-", dir=MEMORY if is_roomy else None))
    folder.chmod(0o711)  # PostgreSQL may run as another user
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(place: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running stack for the tests of one module."""
    running = demo_stack(place / request.module.__name__.rpartition(".")[2])
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))


@pytest.fixture(scope="session")
def shared_stack(place: Path) -> Iterator[Stack]:
    """A running stack that other modules use too; a module asks for it by making it its `stack`."""
    folder = place / "shared"
    folder.mkdir(mode=0o711)
    (folder / "sla.yaml").write_text(PATIENT)
    settings = {"assignment": {"SLA_POLICY_FILE": str(folder / "sla.yaml")}}
    running = demo_stack(folder / "stack", settings=settings)
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))


@pytest.fixture
def intake_events(stack: Stack) -> Callable[[Collection[str]], Awaitable[list[tuple[str, Any]]]]:
    """Reads the events on lead-intake's stream about what some accounts delivered: name and message, in order."""

    async def read(accounts: Collection[str]) -> list[tuple[str, Any]]:
        address = stack.servers.bus_address("operator")
        client = await nats.connect(
            address.url,
            user=address.login.user,
            password=address.login.password,
            inbox_prefix="_INBOX_operator",
        )
        try:
            stream = client.jetstream()
            state = (await stream.stream_info("INTAKE")).state
            numbers = range(state.first_seq, state.last_seq + 1)
            events = [_decoded(await stream.get_msg("INTAKE", number)) for number in numbers]
        finally:
            await client.close()
        return [event for event in events if _account_of(event[1]) in accounts]

    return read


def _decoded(message: Any) -> tuple[str, Any]:
    name = message.headers["ce-type"].rpartition(".")[2]
    kind = getattr(events_pb2, name, None) or getattr(facts_events_pb2, name, None)
    return name, kind.FromString(message.data) if kind else None


def _account_of(event: Any) -> str | None:
    """Whose delivery an event is about; None where it is about none."""
    said = getattr(event, "facts", None) or getattr(event, "origin", None)
    return getattr(said, "account", None)
