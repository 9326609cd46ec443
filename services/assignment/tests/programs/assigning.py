"""A replica that assigns every fourth batch of the same leads: `assigning.py DATABASE_URL NUMBER REPLICAS LEADS`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

from assignment import commands
from assignment.domain.leads import Lead, LeadId, Precision, Profile
from assignment.policies import load_pool, load_rules, load_sla
from servicekit.database import Database

BATCH = 5
RECEIVED = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
PROFILE = Profile("广东", "深圳", Precision.CITY, "教育", "sem")


def lead(number: int) -> Lead:
    """The same lead in every process."""
    lead_id = LeadId(UUID(int=number + 1))
    return Lead(lead_id, f"customer-{number}", "form", RECEIVED, PROFILE, "", "", None)


async def main(url: str, replica: int, replicas: int, count: int) -> None:
    """Assigns, and says so after each batch."""
    database = Database(url, service="assignment")
    await database.start()
    desk = commands.Desk(load_rules(), load_sla(), load_pool())
    for start in range(replica * BATCH, count, replicas * BATCH):
        async with database.unit_of_work() as uow:
            await commands.assign_leads(uow, desk, [lead(n) for n in range(start, start + BATCH)])
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
