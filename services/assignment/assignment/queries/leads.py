"""Who owns a lead, and the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.contact import UnknownLead
from assignment.domain.decisions import explain
from assignment.domain.leads import Assignment, Merged, Owned
from assignment.policies import kept_rules
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import reps as rep_store
from assignment.store import rules as rule_store

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database

    from assignment.domain.decisions import Explanation, RecordedDecision
    from assignment.domain.leads import LeadId, StoredLead
    from assignment.domain.reps import Roster
    from assignment.domain.rules import Rules


async def get_assignment(database: Database, lead_id: LeadId) -> Assignment:
    """Who must act on a lead, and by when; raises `UnknownLead`."""
    async with database.raw() as raw:
        stored = await _lead(raw, lead_id)
        standing = stored.standing
        owner = (
            (await _lead(raw, standing.into_lead_id)).standing
            if isinstance(standing, Merged)
            else standing
        )
    return Assignment(lead_id, standing, owner if isinstance(owner, Owned) else None)


async def explain_assignment(database: Database, lead_id: LeadId) -> list[Explanation]:
    """Every decision about a lead, oldest first, with what it was made of; raises `UnknownLead`."""
    async with database.raw() as raw:
        stored = await _lead(raw, lead_id)
        decisions = await decision_store.list_decisions(raw, lead_id)
        rosters = await _rosters(raw, decisions)
        rules = await _rules(raw, decisions)
    return [
        explain(each, stored, rosters.get(each.roster_version), rules.get(each.rules_version))
        for each in decisions
    ]


async def _lead(raw: asyncpg.Connection, lead_id: LeadId) -> StoredLead:
    stored = await lead_store.get_lead(raw, lead_id)
    if stored is None:
        raise UnknownLead(lead_id)
    return stored


async def _rosters(
    raw: asyncpg.Connection, decisions: list[RecordedDecision]
) -> dict[int | None, Roster]:
    """The reps at each version by which a decision was made."""
    versions = {each.roster_version for each in decisions if each.roster_version is not None}
    return {version: await rep_store.roster_at(raw, version) for version in sorted(versions)}


async def _rules(
    raw: asyncpg.Connection, decisions: list[RecordedDecision]
) -> dict[int | None, Rules]:
    """The rules of each version by which a decision was made, as far as they are kept."""
    found: dict[int | None, Rules] = {}
    for version in sorted({each.rules_version for each in decisions if each.rules_version}):
        kept = await rule_store.get_rules(raw, version)
        if kept is not None:
            found[version] = kept_rules(kept.document, version)
    return found
