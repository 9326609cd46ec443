"""The desk at which leads are routed: the rules in force, and the reps of the newest roster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.routing import Router
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    import asyncpg

    from assignment.domain.rules import ContactSla, Rules


class Desk:
    """The rules and the SLA of this process; keeps the router until the roster has another version."""

    def __init__(self, rules: Rules, sla: ContactSla) -> None:
        self.rules = rules
        self.sla = sla
        self._router: Router | None = None

    async def router(self, raw: asyncpg.Connection) -> tuple[Router, int]:
        """The router over the roster in force, and the count of openings at which it was in force."""
        version, openings = await rep_store.roster_mark(raw)
        router = self._router
        if router is None or router.roster.version != version:
            router = self._router = Router(self.rules, await rep_store.roster_at(raw, version))
        return router, openings
