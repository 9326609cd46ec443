"""Leads and who owns them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from assignment.domain.leads import (
    NO_TRAITS,
    Lead,
    LeadId,
    Merged,
    OpenLead,
    Owned,
    Pooled,
    Precision,
    Profile,
    RepId,
    StoredLead,
    Traits,
    Waiting,
    Withdrawn,
)
from assignment.store.states import (
    STATE_ASSIGNED,
    STATE_MERGED,
    STATE_WAITING,
    STATE_WITHDRAWN,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from assignment.domain.leads import Standing

PRODUCT_CHARS_MAX = 200
NO_ATTRIBUTES = "{}"

# In order of the key, so that two batches with the same customers cannot wait for each other.
_LOCK_CUSTOMERS = """
select pg_advisory_xact_lock(key)
from (select hashtextextended(golden_id, 0) as key from unnest($1::text[]) as golden_id order by 1) as keys
"""
_KNOWN = """
select lead_id from unnest($1::uuid[]) as asked (lead_id)
where exists (select from leads where leads.lead_id = asked.lead_id)
"""
_OPEN = f"""
select leads.golden_id, leads.lead_id, leads.assignee_id
from leads where golden_id = any($1::text[]) and state < {STATE_MERGED}
order by leads.lead_id for share
"""
_ADD_COLUMNS = (
    "lead_id",
    "golden_id",
    "channel",
    "received_at",
    "province",
    "city",
    "region_precision",
    "industry",
    "source_kind",
    "first_action",
    "phone_display",
    "traceparent",
    "state",
    "assignee_id",
    "assignment_no",
    "contact_due_at",
    "first_assigned_at",
    "into_lead_id",
    "withdrawn_import_id",
    "decision_count",
    "tried_openings",
    "product",
    "budget",
    "attributes",
    "score",
)
COLUMNS = """
  lead_id, golden_id, channel, received_at, province, city, region_precision, industry, source_kind, first_action,
  phone_display, traceparent, assignee_id, assignment_no, contact_due_at, first_assigned_at, contacted_at,
  into_lead_id, withdrawn_import_id, decision_count, product, budget, attributes, accepted_at, effective_at, pooled_at,
  pooled_from
"""
_GET = f"select {COLUMNS} from leads where lead_id = $1"
_LOCK = f"select {COLUMNS} from leads where lead_id = any($1::uuid[]) order by lead_id for update"
_LOCK_WAITING = f"""
select {COLUMNS} from leads where state = {STATE_WAITING} and tried_openings < $1
order by score desc, received_at, lead_id limit $2 for update skip locked
"""
_OWN = f"""
update leads set state = {STATE_ASSIGNED}, assignee_id = t.assignee_id, assignment_no = t.assignment_no,
  contact_due_at = t.contact_due_at, first_assigned_at = t.first_assigned_at, decision_count = t.decision_count,
  accepted_at = null
from unnest($1::uuid[], $2::text[], $3::int4[], $4::timestamptz[], $5::timestamptz[], $6::int4[])
  as t (lead_id, assignee_id, assignment_no, contact_due_at, first_assigned_at, decision_count)
where leads.lead_id = t.lead_id
"""
_CONTACTED = "update leads set contacted_at = $2 where lead_id = $1"
_WITHDRAW = f"""
update leads set state = {STATE_WITHDRAWN}, assignee_id = null, contact_due_at = null,
  withdrawn_import_id = t.import_id, decision_count = decision_count + 1
from unnest($1::uuid[], $2::uuid[]) as t (lead_id, import_id) where leads.lead_id = t.lead_id
"""
_TRIED = """
update leads set tried_openings = $3, score = t.score
from unnest($1::uuid[], $2::float8[]) as t (lead_id, score) where leads.lead_id = t.lead_id
"""
_EFFECTIVE = """
update leads set effective_at = greatest(leads.effective_at, t.effective_at)
from unnest($1::uuid[], $2::timestamptz[]) as t (lead_id, effective_at) where leads.lead_id = t.lead_id
"""
_ACCEPTED = "update leads set accepted_at = $2 where lead_id = $1"


async def lock_customers(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> None:
    """Keeps other transactions from opening a lead for these customers until this one ends."""
    await raw.execute(_LOCK_CUSTOMERS, golden_ids)


async def known_leads(raw: asyncpg.Connection, lead_ids: Sequence[LeadId]) -> set[LeadId]:
    """Those of the leads that are here already."""
    return {row[0] for row in await raw.fetch(_KNOWN, lead_ids)}


async def open_leads(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> dict[str, OpenLead]:
    """The open lead of each customer that has one, by golden id; its owner stands still until the end."""
    rows = await raw.fetch(_OPEN, golden_ids)
    return {row[0]: OpenLead(row[1], row[2]) for row in rows}


async def add_leads(
    raw: asyncpg.Connection,
    placed: Sequence[tuple[Lead, Standing]],
    *,
    openings: int,
    scores: Mapping[LeadId, float],
) -> None:
    """Writes new leads as they stand, each with its first decision; `openings` is the count they were tried at.

    `scores` has the scores of those that were routed.
    """
    # COPY costs half of what one array for each column does.
    await raw.copy_records_to_table(
        "leads",
        columns=_ADD_COLUMNS,
        records=[
            (
                lead.lead_id,
                lead.golden_id,
                lead.channel,
                lead.received_at,
                *lead.profile,
                lead.first_action,
                lead.phone_display,
                lead.traceparent,
                *_placed(standing),
                1,
                openings,
                lead.traits.product[:PRODUCT_CHARS_MAX],
                lead.traits.budget,
                _attributes_json(lead.traits.attributes),
                scores.get(lead.lead_id, 0.0),
            )
            for lead, standing in placed
        ],
    )


async def get_lead(raw: asyncpg.Connection, lead_id: LeadId) -> StoredLead | None:
    """One lead."""
    row = await raw.fetchrow(_GET, lead_id)
    return None if row is None else stored_lead(row)


async def lock_leads(
    raw: asyncpg.Connection, lead_ids: Sequence[LeadId]
) -> dict[LeadId, StoredLead]:
    """Leads by id, which nobody else changes until the transaction ends."""
    rows = await raw.fetch(_LOCK, lead_ids)
    return {row["lead_id"]: stored_lead(row) for row in rows}


async def lock_waiting(raw: asyncpg.Connection, *, openings: int, limit: int) -> list[StoredLead]:
    """Waiting leads not tried since this count of openings, by score, then age; none that another transaction has."""
    return [stored_lead(row) for row in await raw.fetch(_LOCK_WAITING, openings, limit)]


async def own_leads(
    raw: asyncpg.Connection, owners: Mapping[LeadId, Owned], decision_counts: Mapping[LeadId, int]
) -> None:
    """Gives locked leads to their owners."""
    await raw.execute(
        _OWN,
        list(owners),
        [owned.assignee_id for owned in owners.values()],
        [owned.assignment_no for owned in owners.values()],
        [owned.contact_due_at for owned in owners.values()],
        [owned.first_assigned_at for owned in owners.values()],
        [decision_counts[lead_id] for lead_id in owners],
    )


async def mark_contacted(raw: asyncpg.Connection, lead_id: LeadId, contacted_at: datetime) -> None:
    """Stops the clock of a locked lead."""
    await raw.execute(_CONTACTED, lead_id, contacted_at)


async def withdraw(raw: asyncpg.Connection, imports: Mapping[LeadId, UUID]) -> None:
    """Closes locked leads, each as one of an undone import, with one more decision."""
    await raw.execute(_WITHDRAW, list(imports), list(imports.values()))


async def mark_tried(
    raw: asyncpg.Connection, scores: Mapping[LeadId, float], *, openings: int
) -> None:
    """Lets locked leads wait for the next opening, each with its score of now."""
    await raw.execute(_TRIED, list(scores), list(scores.values()), openings)


async def mark_effective(raw: asyncpg.Connection, done: Mapping[LeadId, datetime]) -> None:
    """Notes when owners of locked leads last did something that counts."""
    await raw.execute(_EFFECTIVE, list(done), list(done.values()))


async def mark_accepted(raw: asyncpg.Connection, lead_id: LeadId, accepted_at: datetime) -> None:
    """Notes that the owner of a locked lead took it on."""
    await raw.execute(_ACCEPTED, lead_id, accepted_at)


class _Placed(NamedTuple):
    """The columns that say how a lead stands."""

    state: int
    assignee_id: RepId | None = None
    assignment_no: int = 0
    contact_due_at: datetime | None = None
    first_assigned_at: datetime | None = None
    into_lead_id: LeadId | None = None
    withdrawn_import_id: UUID | None = None


_WAITING = _Placed(STATE_WAITING)


def _placed(standing: Standing) -> _Placed:
    match standing:
        case Owned():
            return _Placed(
                STATE_ASSIGNED,
                standing.assignee_id,
                standing.assignment_no,
                standing.contact_due_at,
                standing.first_assigned_at,
            )
        case Merged():
            return _Placed(STATE_MERGED, into_lead_id=standing.into_lead_id)
        case Withdrawn():
            return _Placed(STATE_WITHDRAWN, withdrawn_import_id=standing.import_id)
        case Waiting() | Pooled():
            return _WAITING


def stored_lead(row: Any) -> StoredLead:
    """A lead from its columns."""
    profile = Profile(
        row["province"],
        row["city"],
        Precision(row["region_precision"]),
        row["industry"],
        row["source_kind"],
    )
    lead = Lead(
        lead_id=row["lead_id"],
        golden_id=row["golden_id"],
        channel=row["channel"],
        received_at=row["received_at"],
        profile=profile,
        first_action=row["first_action"],
        phone_display=row["phone_display"],
        traceparent=row["traceparent"],
        traits=_traits(row),
    )
    return StoredLead(
        lead, _standing(row), row["decision_count"], row["accepted_at"], row["effective_at"]
    )


def _traits(row: Any) -> Traits:
    attributes = row["attributes"]
    if attributes == NO_ATTRIBUTES and not row["product"] and row["budget"] is None:
        return NO_TRAITS
    return Traits(row["product"], row["budget"], json.loads(attributes))


def _attributes_json(attributes: Mapping[str, str]) -> str:
    return json.dumps(dict(attributes), ensure_ascii=False) if attributes else NO_ATTRIBUTES


def _standing(row: Any) -> Standing:
    if row["withdrawn_import_id"] is not None:
        return Withdrawn(row["withdrawn_import_id"], row["into_lead_id"])
    if row["into_lead_id"] is not None:
        return Merged(row["into_lead_id"])
    if row["pooled_at"] is not None:
        return Pooled(row["pooled_at"], row["pooled_from"], row["assignment_no"])
    if row["assignee_id"] is None:
        return Waiting()
    return Owned(
        assignee_id=row["assignee_id"],
        assignment_no=row["assignment_no"],
        contact_due_at=row["contact_due_at"],
        first_assigned_at=row["first_assigned_at"],
        contacted_at=row["contacted_at"],
    )
