"""A program that uses approvals one after another, until it is done or killed.

`python use_one_by_one.py DATABASE_URL APPROVAL_ID...` says `ready`, waits for a line, and then says each id after its
use was acknowledged.
"""

import asyncio
import sys
import time

from accesskit.decisions import Question
from permissions.commands.approvals import Use, use_approval
from permissions.domain.approvers import SecondFactor
from permissions.queries.live import Live
from servicekit.database import Database


async def main(url: str, approval_ids: list[str]) -> None:
    """Uses them."""
    database = Database(url, service="permissions")
    live = Live(database)
    await live.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    proof = SecondFactor(frozenset({"otp"}), time.time())
    for approval_id in approval_ids:
        question = Question("ana", "delete", "customer", "c-1", approval_id=approval_id)
        await use_approval(database, live, Use(question, f"key-{approval_id}", "ana", proof))
        sys.stdout.write(f"{approval_id}\n")
        sys.stdout.flush()
    await live.stop()
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
