"""Routing rules: which there were, what is wrong with a document, and what it would change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from assignment.domain.gaps import gaps
from assignment.domain.publications import FaultyRules, UnknownRules
from assignment.domain.simulation import Comparison, simulate
from assignment.policies import checked_rules
from assignment.store import past as past_store
from assignment.store import reps as rep_store
from assignment.store import rules as store

if TYPE_CHECKING:
    from datetime import datetime

    from servicekit.database import Database

    from assignment.commands.desk import Desk
    from assignment.domain.gaps import Gap
    from assignment.policies import InvalidPolicy
    from assignment.store.rules import KeptRules


async def list_rules(database: Database) -> tuple[list[KeptRules], int]:
    """Every version, newest first, and the one in force."""
    async with database.raw() as raw:
        return await store.list_rules(raw), (await rep_store.roster_mark(raw)).rules_version


async def get_rules(database: Database, version: int) -> tuple[KeptRules, int]:
    """One version, or for 0 the one in force; and which is in force. Raises `UnknownRules`."""
    async with database.raw() as raw:
        in_force = (await rep_store.roster_mark(raw)).rules_version
        kept = await store.get_rules(raw, version or in_force)
    if kept is None:
        raise UnknownRules(version or in_force)
    return kept, in_force


async def check_rules(
    database: Database, document: str, file_name: str
) -> tuple[list[InvalidPolicy], list[Gap], int]:
    """What is wrong with a document, what reps would lack of what it asks for, and which version is in force."""
    async with database.raw() as raw:
        mark = await rep_store.roster_mark(raw)
        roster = await rep_store.roster_at(raw, mark.version)
    rep_ids = {rep.rep_id for rep in roster.reps}
    rules, faults = await asyncio.to_thread(
        checked_rules, document, file_name, version=0, rep_ids=rep_ids
    )
    return faults, gaps(rules, roster) if rules else [], mark.rules_version


async def simulate_rules(
    database: Database,
    desk: Desk,
    document: str,
    *,
    file_name: str,
    since: datetime,
    leads_max: int,
) -> tuple[Comparison, int]:
    """The leads since a moment routed again by the rules in force and by a document; and which are in force.

    The work is done beside the event loop. Raises `FaultyRules`.
    """
    rules, faults = await asyncio.to_thread(checked_rules, document, file_name, version=0)
    if rules is None:
        raise FaultyRules(str(faults[0]))
    async with database.raw() as raw:
        mark = await rep_store.roster_mark(raw)
        in_force = await desk.rules_at(raw, mark.rules_version)
        roster = await rep_store.roster_at(raw, mark.version)
        past = await past_store.past_leads(raw, since, leads_max)
        open_counts = await past_store.open_counts_before(raw, since)
    before = await asyncio.to_thread(simulate, past, in_force, roster, open_counts)
    after = await asyncio.to_thread(simulate, past, rules, roster, open_counts)
    return Comparison(past, before, after), mark.rules_version
