"""A process that is killed in the middle of a merge leaves it undone or done, never in between."""

import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from identity.domain.stewardship import Act
from servicekit.testing.thoroughness import rounds

if TYPE_CHECKING:
    from conftest import Office

PROGRAM = Path(__file__).with_name("merge_one_by_one.py")
PAIRS = 12


async def done_until_killed(arguments: list[str], *, seed: int) -> list[str]:
    """Lets the program run for a random moment; the pairs of which it said that they are merged."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    assert program.stdin is not None
    async with asyncio.timeout(60):
        assert await program.stdout.readline() == b"ready\n"
        program.stdin.write(b"go\n")
        await program.stdin.drain()
        first = await program.stdout.readline()
        # A moment within the next merges, anywhere in one; nothing is waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.Random(seed).uniform(0, 0.08)):
                await program.wait()
        if program.returncode is None:
            program.send_signal(signal.SIGKILL)
        rest = await program.stdout.read()
        await program.wait()
    return (first + rest).decode().split()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(1, long=20)))
async def test_a_killed_merge_is_done_wholly_or_not_at_all(
    office: "Office", program_arguments: list[str], seed: int
) -> None:
    pairs = []
    for number in range(PAIRS):
        one = await office.states(f"A{number}", name=f"Ann {number}", phone=f"1380013{number:04}")
        other = await office.states(f"B{number}", name=f"Bob {number}", phone=f"1390013{number:04}")
        pairs.append(f"{await office.golden_id(one)},{await office.golden_id(other)}")

    acknowledged = await done_until_killed([*program_arguments, *pairs], seed=seed)

    merged = 2 * PAIRS - len(await office.customers())
    assert 0 <= merged - len(acknowledged) <= 1
    traces = await office.rows(
        "select (select count(*) from judgements), (select count(*) from regroupings),"
        " (select count(*) from moves), (select count(*) from steward_acts where outcome <> ''),"
        " (select count(*) from outbox where event_type like '%CustomerMerged')"
    )
    assert traces == [(merged,) * 5]
    for pair in pairs:
        act = Act("steward-1", "seen it", pair[:20], b"d" * 16)
        await office.stewardship.merge(act, pair.split(","))
    assert len(await office.customers()) == PAIRS
    assert await office.rows("select count(*) from judgements") == [(PAIRS,)]
