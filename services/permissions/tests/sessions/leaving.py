"""A program that offboards somebody, to be killed while it does: leaving.py DATABASE_URL PERSON.

Says "begun" when it is about to begin.
"""

import asyncio
import sys

from permissions.commands.offboarding import offboard
from permissions.domain.offboarding import OffboardingRequest
from servicekit.database import Database


async def main(url: str, person_id: str) -> None:
    """Offboards the person."""
    database = Database(url, service="permissions")
    await database.start()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await offboard(
        database, OffboardingRequest(f"leave-{person_id}", person_id, "", "security", "sec")
    )
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
