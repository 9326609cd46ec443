"""The desk at which leads are routed: the rules in force, and the reps of the newest roster who are on duty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Unavailable

from assignment.domain.candidates import Router
from assignment.domain.publications import UnknownRules
from assignment.policies import InvalidPolicy, kept_rules
from assignment.store import reps as rep_store
from assignment.store import rules as rule_store

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from assignment.domain.holds import PoolPolicy
    from assignment.domain.reps import Roster
    from assignment.domain.rules import ContactSla, Rules
    from assignment.store.reps import Mark
    from assignment.store.rules import KeptRules

VERSIONS_KEPT_MAX = 32


class RulesUnreadable(Unavailable):
    """Rules that are in force are none to this release; leads wait on the bus until others are published."""

    def __init__(self, version: int, fault: InvalidPolicy) -> None:
        super().__init__(f"version {version} of the routing rules cannot be used: {fault}")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A router, with what was in force and the time for which it holds."""

    router: Router
    mark: Mark
    since: datetime

    def holds(self, mark: Mark, now: datetime) -> bool:
        """Whether it is the router of this moment; a mark that only opened up changes nothing."""
        until = self.router.duty.until
        return (
            mark._replace(openings=0) == self.mark._replace(openings=0)
            and self.since <= now
            and (until is None or now < until)
        )


class Desk:
    """The SLA and the pool's policy of this process, and the router until roster, rules or duty are others.

    `rules` are in force where none are kept under their version.
    """

    def __init__(self, rules: Rules, sla: ContactSla, pool: PoolPolicy) -> None:
        self.sla = sla
        self.pool = pool
        self._first = rules
        self._versions: dict[int, Rules] = {}
        self._prepared: _Prepared | None = None

    async def router(self, raw: asyncpg.Connection, *, now: datetime) -> tuple[Router, int]:
        """The router over what is in force, and the count of openings at which it was in force."""
        mark = await rep_store.roster_mark(raw)
        prepared = self._prepared
        if prepared is None or not prepared.holds(mark, now):
            roster = await self._roster(raw, mark.version)
            rules = await self.rules_at(raw, mark.rules_version)
            duty = roster.duty(now, noted_at=mark.duty_at)
            prepared = self._prepared = _Prepared(Router(rules, roster, duty), mark, now)
        return prepared.router, mark.openings

    async def rules_at(self, raw: asyncpg.Connection, version: int) -> Rules:
        """The rules of a version; raises `UnknownRules`."""
        known = self._versions.get(version)
        if known is None:
            kept = await rule_store.get_rules(raw, version)
            if kept is not None:
                known = _read(kept)
            elif version == self._first.version:
                known = self._first
            else:
                raise UnknownRules(version)
            if len(self._versions) >= VERSIONS_KEPT_MAX:
                self._versions.clear()
            self._versions[version] = known
        return known

    def forget_rules(self) -> None:
        """Reads the rules anew at the next decision: the file of this process may not be what is kept."""
        self._versions.clear()
        self._prepared = None

    async def _roster(self, raw: asyncpg.Connection, version: int) -> Roster:
        prepared = self._prepared
        if prepared is not None and prepared.mark.version == version:
            return prepared.router.roster
        return await rep_store.roster_at(raw, version)


def _read(kept: KeptRules) -> Rules:
    """Rules that were checked when they were published; raises `RulesUnreadable`."""
    try:
        return kept_rules(kept.document, kept.version)
    except InvalidPolicy as fault:
        raise RulesUnreadable(kept.version, fault) from None
