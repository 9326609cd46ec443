"""What was found missing, remembered so that it is stated once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from reporting.domain.ledger import Missing

_REMEMBER = """
insert into ledger_discrepancies (lead_id, present_in, missing_in, channel, hour, found_at)
select t.*, $6 from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as t
order by 1, 2, 3 on conflict do nothing returning lead_id, present_in, missing_in
"""


async def remember_missing(
    raw: asyncpg.Connection, missing: Sequence[Missing], *, now: datetime
) -> list[Missing]:
    """Remembers discrepancies; returns those that were not known before."""
    columns: Any = zip(
        *((m.lead_id, m.present_in, m.missing_in, m.cell.channel, m.cell.hour) for m in missing),
        strict=True,
    )
    fresh = {tuple(row) for row in await raw.fetch(_REMEMBER, *columns, now)}
    return [m for m in missing if (m.lead_id, m.present_in, m.missing_in) in fresh]
