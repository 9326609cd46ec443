"""The funnel, one lead's story, and latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.store import leads as store

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import Database

    from reporting.domain.books import Span
    from reporting.domain.leads import Entry, FunnelLine, Latency


async def get_funnel(
    database: Database, span: Span, *, time_zone: str
) -> tuple[list[FunnelLine], datetime | None]:
    """Leads by channel, day and outcome, and the newest fact among them."""
    async with database.raw() as raw:
        return await store.funnel(raw, since=span.since, until=span.until, time_zone=time_zone)


async def get_lead_timeline(database: Database, lead_id: UUID) -> list[Entry]:
    """Everything that happened to a lead, oldest first; empty for an unknown one."""
    async with database.raw() as raw:
        return await store.timeline(raw, lead_id)


async def get_latency(database: Database, *, since: datetime | None) -> Latency:
    """How long leads took from acceptance to their owner's reminder."""
    async with database.raw() as raw:
        return await store.latency(raw, since=since)
