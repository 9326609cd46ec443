"""Offboardings that were done, and what people have when they leave."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from permissions.domain.facts import FactFilter
from permissions.domain.offboarding import Belongings, Offboarding, OffboardingReport
from permissions.store import devices, facts, sessions

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg
    from accesskit.facts import Fact

    from permissions.domain.facts import Key

PAGE_SIZE = 2000

_BY_REQUEST = """
select report, revision, token, offboarded_at, written_at from offboardings where request_id = $1
"""
_RECENT = """
select request_id, clock_timestamp() from offboardings where written_at > clock_timestamp() - $1::interval
order by written_at desc limit $2
"""
_ADD = "insert into offboardings values ($1, $2, $3, $4, $5, $6)"


async def offboarding(raw: asyncpg.Connection, request_id: str) -> Offboarding | None:
    """The offboarding that was done for this request."""
    row = await raw.fetchrow(_BY_REQUEST, request_id)
    if row is None:
        return None
    report, revision, token, offboarded_at, written_at = row
    stated = OffboardingReport(**json.loads(report))
    return Offboarding(stated, revision, token, offboarded_at, written_at)


async def recent(
    raw: asyncpg.Connection, within: timedelta, *, limit: int
) -> list[tuple[str, datetime]]:
    """The requests that were done lately, newest first, each with the database's time now."""
    return [(row[0], row[1]) for row in await raw.fetch(_RECENT, within, limit)]


async def add(
    raw: asyncpg.Connection, report: OffboardingReport, *, revision: int, token: str, now: datetime
) -> None:
    """Keeps what an offboarding did; written last, so that its row tells when the transaction ended."""
    stated = json.dumps(asdict(report), sort_keys=True)
    await raw.execute(_ADD, report.request_id, report.principal_id, stated, revision, token, now)


async def belongings(
    raw: asyncpg.Connection, principal_id: str, *, epoch: int, now: datetime
) -> Belongings:
    """All that a person has and that ends when they leave, except leases, approvals and exports."""
    open_sessions = await sessions.open_sessions(raw, principal_id, epoch=epoch, now=now)
    keys = await sessions.api_keys_in_use(raw, principal_id, now=now)
    return Belongings(
        session_ids=[session.session_id for session in open_sessions],
        device_ids=[device.device_id for device in await devices.unrevoked(raw, principal_id)],
        api_key_ids=[key.key_id for key in keys],
        facts=await _facts_naming(raw, principal_id),
        managers=await facts.org_around(raw, above=[principal_id], below=[]),
    )


async def _facts_naming(raw: asyncpg.Connection, person_id: str) -> list[Fact]:
    about = await _all(raw, FactFilter(resource_type="user", resource_id=person_id))
    by = await _all(raw, FactFilter(subject_type="user", subject_id=person_id))
    return list({fact.key: fact for fact in (*about, *by)}.values())


async def _all(raw: asyncpg.Connection, wanted: FactFilter) -> list[Fact]:
    found: list[Fact] = []
    after: Key = ("", "", "", "", "", "")
    while page := await facts.page(raw, wanted, after=after, limit=PAGE_SIZE):
        found.extend(page)
        after = page[-1].key
    return found
