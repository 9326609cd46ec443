"""The whole chain as separate processes, and a plan of deliveries sent through it."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadctl.clients import Services
from leadctl.demo.deliveries import Plan, plan
from leadctl.demo.environment import demo_stack
from leadctl.demo.performance import Outcome, perform
from leadctl.demo.progress import watching
from leadctl.stack.stack import Stack
from rich.console import Console

Play = Callable[..., Awaitable[Outcome]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack for the tests of one module."""
    running = demo_stack(Path(tmp_path_factory.mktemp("stack")))
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))


@pytest.fixture
async def known(stack: Stack) -> AsyncIterator[Services]:
    """The services of the stack, asked as the operator."""
    targets = {name: target.grpc for name, target in stack.targets().items()}
    async with Services(targets, stack.operator_token_file()) as services:
        yield services


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """Plans deliveries of this moment."""

    def make(count: int, *, seed: int) -> Plan:
        return plan(count, seed=seed, at=datetime.now(UTC))

    return make


@pytest.fixture
def play(stack: Stack, known: Services) -> Play:
    """Delivers a plan, lets the reps work, waits until all is at rest, and looks at the books."""

    async def run(planned: Plan, *, rate_per_s: float = 100.0) -> Outcome:
        with watching(Console(file=io.StringIO())) as watcher:
            return await perform(known, stack, planned, watcher, rate_per_s=rate_per_s)

    return run
