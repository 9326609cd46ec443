"""An executor that is killed while it uses approvals: each is used exactly once, or not at all."""

import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path

import pytest
from servicekit.testing.thoroughness import rounds

from .conftest import Office, a_deed, a_use

PROGRAM = Path(__file__).with_name("use_one_by_one.py")
DEED = a_deed(params="")


async def acknowledged_until_killed(url: str, approval_ids: list[str], *, seed: int) -> list[str]:
    """Lets the program run for a random moment; the ids whose use it heard of."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), url, *approval_ids),
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
        # A moment within the next uses, anywhere in one; nothing is waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.Random(seed).uniform(0, 0.1)):
                await program.wait()
        if program.returncode is None:
            program.send_signal(signal.SIGKILL)
        rest = await program.stdout.read()
        await program.wait()
    return (first + rest).decode().split()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(1, long=20)))
async def test_a_killed_executor_uses_an_approval_once_or_not_at_all(
    office: Office, seed: int
) -> None:
    approval_ids = [await office.approved(deed=DEED) for _ in range(20)]

    acknowledged = await acknowledged_until_killed(office.database.url, approval_ids, seed=seed)

    used_before = await used_ids(office)
    assert set(acknowledged) <= set(used_before)
    assert len(used_before) - len(acknowledged) <= 1
    for approval_id in approval_ids:
        use = a_use(approval_id, key=f"key-{approval_id}", deed=DEED)
        other = a_use(approval_id, key="another", deed=DEED)
        again = await office.call("UseApproval", use, by="ana")
        refused = await office.refusal("UseApproval", other, by="ana")
        assert again.is_repeated == (approval_id in used_before)
        assert refused == ("PERMISSION_DENIED", "approval_expired")
    assert sorted(await used_ids(office)) == sorted(approval_ids)


async def used_ids(office: Office) -> list[str]:
    """Every use that the log knows; an approval used twice would be there twice."""
    entries = [each for each in await office.entries() if each["action"] == "approval_used"]
    async with office.database.raw() as raw:
        rows = await raw.fetch("select request_id from access_requests where used_at_s is not null")
    ids = [each["resource"].removeprefix("approval:") for each in entries]
    assert sorted(ids) == sorted(row[0] for row in rows)
    return ids
