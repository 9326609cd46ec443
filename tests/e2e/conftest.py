"""One stack for the modules that neither break it nor count all that is on it; each has accounts of its own."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import nats
import pytest
from leadchain.intake.v1 import events_pb2, facts_events_pb2
from leadctl.accounts import put_account
from leadctl.clients import Services
from leadctl.demo.deciders import changing
from leadctl.demo.environment import demo_stack, introduce_people
from leadctl.fakes.sample_senders import SampleSender, keys_for, sample_senders
from leadctl.stack.stack import Stack
from servicekit.testing.servers import MEMORY
from servicekit.testing.waiting import eventually

CHANNEL_FILES = Path(__file__).parents[2] / "services/lead-intake/lead_intake/channels"
Post: TypeAlias = Callable[[str, Any], Awaitable[str]]
"""Posts a body to a channel."""

PATIENT = "contact_within_s: 900\nmax_hops: 2\n"
"""No clock runs out during the tests, so that a lead of one module stays where it is while another module looks."""


MEMORY_BYTES_MIN = 3 * 2**30
"""What the data of several stacks may come to."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the shared stack come last: while it runs, though nobody asks it anything, it takes time from others."""
    items.sort(key=lambda item: "shared_stack" in getattr(item, "fixturenames", ()))


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
async def known(stack: Stack) -> AsyncIterator[Services]:
    """The services of the stack, asked as the operator."""
    targets = {name: target.grpc for name, target in stack.targets().items()}
    async with Services(targets, stack.operator_token_file()) as services:
        yield services


@pytest.fixture
def as_person(stack: Stack) -> Callable[..., AbstractAsyncContextManager[Services]]:
    """The services of the stack, asked with a person's own token; `session` is what that says of one."""

    @asynccontextmanager
    async def opened(person: str, **session: Any) -> AsyncIterator[Services]:
        targets = {name: target.grpc for name, target in stack.targets().items()}
        token_file = stack.identities.mint(person, scopes=[], epoch=1, **session)
        async with Services(targets, token_file) as services:
            yield services

    return opened


@pytest.fixture
def posting(stack: Stack) -> Callable[..., AbstractAsyncContextManager[Post]]:
    """Opens accounts of some channels, named `<prefix>-<channel>`, with two people's consent.

    What it gives posts a body to one of them as the channel's system would, and returns what was answered.
    """

    @asynccontextmanager
    async def opened(
        known: Services, prefix: str, channels: Collection[str]
    ) -> AsyncIterator[Post]:
        found = {each.account: each for each in sample_senders(CHANNEL_FILES)}
        senders = {name: replace(found[name], account=f"{prefix}-{name}") for name in channels}
        await introduce_people(known, stack)
        async with changing(known, stack) as change:
            paths = {
                name: (await change.approved(partial(_put, change.author, sender))).path
                for name, sender in senders.items()
            }
        base_url, timeout = stack.targets()["lead-intake"].http, aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(base_url, timeout=timeout) as http:

            async def post(channel: str, body: Any) -> str:
                sender = replace(senders[channel], sample={"body": body})
                answered = partial(_answer, http, paths[channel], sender)
                status, text = await eventually(answered, what=f"an answer to {channel}")
                assert status in {200, 202}, text
                return text

            yield post

    return opened


async def _put(author: Services, sender: SampleSender, approval_id: str) -> Any:
    request = sender.new_account()
    request.approval_id = approval_id
    return await put_account(author, request)


async def _answer(
    http: aiohttp.ClientSession, path: str, sender: SampleSender
) -> tuple[int, str] | None:
    """Status and text, once the service has heard of the account."""
    signed = sender.signed(keys_for(sender.kind), at_s=time.time())
    sent = http.post(path, data=signed.raw, headers=signed.headers, params=signed.query)
    async with sent as response:
        return None if response.status == 404 else (response.status, await response.text())


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
