"""An exporter is killed at any moment: what it did is counted and recorded whole, and can be gone on with."""

import asyncio
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from servicekit.testing.thoroughness import rounds

from .conftest import Office

EXPORTING = Path(__file__).with_name("exporting.py")
EXPORTS = 12
ROWS = 20

# Each is a sentence that must hold between any two transactions: the count of what contradicts it.
_CONTRADICTIONS = {
    "an approval is used when its export is open, and only then": """
        select count(*) from access_requests r
        full join exports e on e.approval_id = r.request_id
        where (r.status = 'used') is distinct from (e.export_id is not null)
    """,
    "an export has the rows of its delivered pages": """
        select count(*) from exports e where delivered_rows is distinct from (
          select coalesce(sum(charged_rows), 0) from export_pages p
          where p.export_id = e.export_id and outcome = 'delivered'
        )
    """,
    "a page is on record as often as it was acquired and delivered": """
        select abs(
          (select count(*) filter (where true) + count(*) filter (where outcome = 'delivered') from export_pages)
          - (
            select count(*) from audit_entries
            where convert_from(fact, 'UTF8')::jsonb ->> 'action' in ('export_page_acquired', 'export_page_delivered')
          )
        )
    """,
    "an open export is a fact": """
        select count(*) from exports e
        where not exists (select from facts where resource_type = 'export' and resource_id = e.export_id)
    """,
}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(1, long=20)))
async def test_a_killed_exporter_leaves_nothing_half_done(office: Office, seed: int) -> None:
    approval_ids = [await office.approved(office.an_export_of_all(ROWS)) for _ in range(EXPORTS)]

    await run(office, approval_ids, at_most_s=random.Random(seed).uniform(0.1, 0.6))

    assert await contradictions(office) == dict.fromkeys(_CONTRADICTIONS, 0)
    assert await run(office, approval_ids, at_most_s=60) == 0
    assert await contradictions(office) == dict.fromkeys(_CONTRADICTIONS, 0)
    async with office.database.raw() as raw:
        ended = await raw.fetch("select status, delivered_rows from exports")
    assert [tuple(row) for row in ended] == [("complete", ROWS)] * EXPORTS


async def run(office: Office, approval_ids: list[str], *, at_most_s: float) -> int:
    """Starts the exporter and kills it so long after it has begun; returns how it ended."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXPORTING), office.database.url, str(office.now_s), *approval_ids),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    async with asyncio.timeout(90):
        assert await program.stdout.readline() == b"begun\n"
        try:
            await asyncio.wait_for(program.wait(), timeout=at_most_s)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has just ended by itself
                program.kill()
        return await program.wait()


async def contradictions(office: Office) -> dict[str, int]:
    """How many rows contradict each sentence, once nobody holds the end of the log."""
    async with office.database.unit_of_work() as uow:
        await uow.raw.execute("select 1 from audit_head for update")
        return {
            sentence: int(await uow.raw.fetchval(sql)) for sentence, sql in _CONTRADICTIONS.items()
        }
