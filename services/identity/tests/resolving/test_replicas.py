"""Replicas that meet the same people at once, and a replica that is killed."""

import asyncio
import base64
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from identity.commands.resolving import Resolver
from identity.domain.statements import Statement
from servicekit.database import Database
from servicekit.errors import Unavailable

A_Statement = Callable[..., Statement]
KILLED = """
import asyncio, base64, os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from identity.commands.resolving import Resolver
from identity.domain.golden_ids import GoldenIdKeys
from identity.domain.statements import Statement
from identity.seals import Digests, Seals
from matchkit.model import Model
from servicekit.database import Database
from servicekit.sealing import KeyRing

async def main():
    url, model, ring, index_key, when = sys.argv[1:]
    resolver = Resolver(
        Model.load(Path(model)), Seals(KeyRing.parse(ring)), Digests(index_key), GoldenIdKeys({"k1": b"g" * 32})
    )
    now = datetime(2026, 2, 8, tzinfo=UTC)
    bridge = {"name": "李雷", "phone": "13800138002", "email": "li@example.com"}
    async with Database(url, service="identity").unit_of_work() as uow:
        await resolver.resolve(uow, [Statement("crm", "C-9", bridge, now, now)])
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
async def elsewhere(door: Any, migrated_url: str) -> AsyncIterator[Any]:
    """Another replica: a pool, a resolver and numbers of its own."""
    there = door.resolver
    database = Database(migrated_url, service="identity")
    yield type(door)(database, Resolver(there.model, there.seals, there.digests, there.keys))
    await database.stop()


async def state(door: Any, batch: list[Statement]) -> None:
    """States a batch, again when others were in the way, as whoever calls does."""
    for _ in range(20):
        try:
            await door.state(*batch)
        except Unavailable:
            await asyncio.sleep(0)
        else:
            return
    raise TimeoutError


async def test_two_replicas_that_meet_one_customer_at_once_make_one_of_them(
    door: Any, elsewhere: Any, statement: A_Statement
) -> None:
    batches = [
        [statement(number, name="张伟", phone="13800138001", email=f"z{number % 5}@example.com")]
        for number in range(24)
    ]

    async with asyncio.TaskGroup() as group:
        for number, batch in enumerate(batches):
            group.create_task(state((door, elsewhere)[number % 2], batch))

    assert await door.count("customers") == 1
    assert await door.rows("select record_count from customers") == [(5,)]
    assert await door.count("links") == 10


@pytest.mark.parametrize("size", [3, 60])
async def test_hot_people_in_any_batches_end_as_one_alone_would_have_made_them(
    door: Any, elsewhere: Any, statement: A_Statement, size: int
) -> None:
    chance = random.Random(size)
    statements = [
        statement(
            number,
            minute=number,
            name=chance.choice(["张伟", "李娜", "王芳", "陈静"]),
            phone=f"1380013800{chance.randrange(9)}",
            email=chance.choice(["", f"m{chance.randrange(6)}@example.com"]),
        )
        for number in range(120)
    ]
    await door.state(*statements)
    alone = await customers(door)
    await door.empty()

    batches = [statements[at : at + size] for at in range(0, len(statements), size)]
    async with asyncio.TaskGroup() as group:
        for number, batch in enumerate(batches):
            group.create_task(state((door, elsewhere)[number % 2], batch))

    assert await customers(door) == alone


async def customers(door: Any) -> set[tuple[str, frozenset[bytes]]]:
    """Golden IDs and whose records they are."""
    rows = await door.rows(
        "select golden_id, array_agg(digest) from customers join records using (customer_id) group by 1"
    )
    return {(golden_id, frozenset(digests)) for golden_id, digests in rows}


@pytest.mark.parametrize(("when", "count"), [("before", 2), ("after", 1)])
async def test_a_merge_that_is_killed_happened_wholly_or_not_at_all(
    door: Any, statement: A_Statement, tmp_path: Any, when: str, count: int
) -> None:
    await door.state(
        statement(1, name="李雷", phone="13800138002"),
        statement(2, name="李雷", email="li@example.com"),
    )
    before = await door.rows("select golden_id from aliases order by 1")
    model = tmp_path / "model.yaml"
    model.write_text(door.resolver.model.dump(), encoding="utf-8")
    ring = f"test:{base64.b64encode(b'r' * 32).decode()}"
    index_key = base64.b64encode(b"i" * 32).decode()

    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, door.database.url, str(model), ring, index_key, when],
        check=False,
        timeout=60,
    )

    assert killed.returncode == -signal.SIGKILL
    assert await door.count("customers") == count
    assert await door.count("sources") == await door.count("statements") == 4 - count
    events = await door.rows("select count(*) from outbox where event_type like '%CustomerMerged'")
    assert events == [(2 - count,)]
    astray = (
        "select count(*) from aliases a left join customers c using (customer_id) where c is null"
    )
    assert await door.rows(astray) == [(0,)]
    assert set(before) <= set(await door.rows("select golden_id from aliases"))
