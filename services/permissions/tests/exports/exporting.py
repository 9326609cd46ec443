"""An exporter, to be killed while it works: exporting.py DATABASE_URL NOW_S APPROVAL...

For each approval it opens an export, reads its two pages and closes it. Says "begun" when it is about to begin.
"""

import asyncio
import sys
from datetime import UTC, datetime

from accesskit.facts import Entity
from permissions.commands.export_pages import PageWanted, acquire, report
from permissions.commands.exports import Opening, close_export, open_export
from permissions.domain.approvers import SecondFactor
from permissions.domain.exports import ExportScope, Report, Wanted
from permissions.queries.acting import Actor
from permissions.queries.live import Live
from servicekit.database import Database

ROWS = 20


def opening(approval_id: str, now_s: float) -> Opening:
    """The export that an approval is for."""
    wanted = Wanted(
        request_id=f"export-by-{approval_id}",
        subject_id="dee",
        resource=Entity("customer", "*"),
        scope=ExportScope.ALL,
        fields=("company", "id_card"),
        filter={"stage": "won"},
        row_estimate=ROWS,
    )
    actor = Actor("dee", SecondFactor(frozenset({"otp"}), now_s), "engagement")
    return Opening(wanted, "{}", actor, approval_id)


async def export_all(database: Database, live: Live, approval_id: str, now_s: float) -> None:
    """Opens an export, or goes on with it where it stands, and closes it."""
    asked = opening(approval_id, now_s)
    export = await open_export(database, live, asked)
    while not export.has_last_page:
        wanted = PageWanted(export.export_id, export.next_cursor, ROWS // 2, asked.actor)
        page = (await acquire(database, live, wanted)).page
        is_last = bool(export.next_cursor)
        told = Report(
            is_ok=True,
            rows=page.reserved_rows,
            next_cursor="" if is_last else "c-2",
            resources=[Entity("customer", "c-1")],
            response_ms=10.0,
            memory_mb=10.0,
        )
        reported = await report(database, live, page.lease_id, told, caller_id="engagement")
        export = reported.export
    await close_export(database, live, export.export_id, caller_id="engagement")


async def main(url: str, now_text: str, approval_ids: list[str]) -> None:
    """Exports by every approval."""
    now_s = float(now_text)
    database = Database(
        url, service="permissions", clock=lambda: datetime.fromtimestamp(now_s, UTC)
    )
    live = Live(database, clock=lambda: now_s)
    await database.start()
    await live.start()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for approval_id in approval_ids:
        await export_all(database, live, approval_id, now_s)
    await live.stop()
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
