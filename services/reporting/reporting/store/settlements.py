"""Closed statements; what is written is never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.domain.settlements import Month, SettledRate, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

LIST_MAX = 1000

_COLUMNS = """settlement_no, period, revision, definition_version, time_zone, settled_at, settled_by, approval_id,
  statement, sha256"""
# One settlement at a time: numbers have no gaps, and a month has one statement of each revision.
_LOCK = "select pg_advisory_xact_lock(hashtextextended('settlements', 0))"
_LAST_NO = "select coalesce(max(settlement_no), 0) from settlements"
_NEWEST = f"select {_COLUMNS} from settlements where period = $1 order by revision desc limit 1"
_BY_NO = f"select {_COLUMNS} from settlements where settlement_no = $1"
_BY_APPROVAL = f"select {_COLUMNS} from settlements where period = $1 and approval_id = $2 and approval_id <> ''"
_LIST = f"""
select {_COLUMNS} from settlements where $1 = '' or period = $1 order by settlement_no desc limit {LIST_MAX}
"""
_LINES = """
select rep_id, given_count, excluded_count, due_count, within_72h_count, due_difference, within_72h_difference
from settled_rates where settlement_no = $1 order by rep_id
"""
_ADD = f"insert into settlements ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_ADD_LINES = """
insert into settled_rates
select $1, * from unnest($2::text[], $3::int4[], $4::int4[], $5::int4[], $6::int4[], $7::int4[], $8::int4[])
"""


async def lock(raw: asyncpg.Connection) -> int:
    """Keeps others from settling until this transaction ends; returns the last number that was given."""
    await raw.execute(_LOCK)
    return int(await raw.fetchval(_LAST_NO))


async def newest(raw: asyncpg.Connection, month: Month) -> Settlement | None:
    """The last statement of a month; None when it was never settled."""
    return _settlement(await raw.fetchrow(_NEWEST, str(month)))


async def get(raw: asyncpg.Connection, settlement_no: int) -> Settlement | None:
    """The statement of a number; None when there is none."""
    return _settlement(await raw.fetchrow(_BY_NO, settlement_no))


async def by_approval(raw: asyncpg.Connection, month: Month, approval_id: str) -> Settlement | None:
    """The statement of a month for which an approval was used; None when it was for none of them."""
    return _settlement(await raw.fetchrow(_BY_APPROVAL, str(month), approval_id))


async def listed(raw: asyncpg.Connection, period: str) -> list[Settlement]:
    """Statements of a month, or of all where `period` is empty; newest first, at most 1,000."""
    found = [_settlement(row) for row in await raw.fetch(_LIST, period)]
    return [each for each in found if each is not None]


async def lines(raw: asyncpg.Connection, settlement_no: int) -> list[SettledRate]:
    """The lines of a statement, in order of rep."""
    return [SettledRate(*row) for row in await raw.fetch(_LINES, settlement_no)]


async def add(
    raw: asyncpg.Connection, settlement: Settlement, rates: Sequence[SettledRate]
) -> None:
    """Writes a statement for good."""
    await raw.execute(
        _ADD,
        settlement.settlement_no,
        str(settlement.month),
        settlement.revision,
        settlement.definition_version,
        settlement.time_zone,
        settlement.settled_at,
        settlement.settled_by,
        settlement.approval_id,
        settlement.statement,
        settlement.sha256,
    )
    if rates:
        await raw.execute(_ADD_LINES, settlement.settlement_no, *zip(*rates, strict=True))


def _settlement(row: asyncpg.Record | None) -> Settlement | None:
    if row is None:
        return None
    number, period, *others = row
    return Settlement(number, Month.parse(period), *others)
