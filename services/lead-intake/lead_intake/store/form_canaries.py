"""Canaries of forms: their numbers, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.canaries import Numbers
from lead_intake.domain.forms import FormId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import asyncpg

_NUMBERS = "new_checked, new_failed, old_checked, old_failed"
_START = """
insert into form_canaries
  (form_id, version, percent, started_at, ends_at, new_checked, new_failed, old_checked, old_failed)
values ($1, $2, $3, $4, $5, 0, 0, 0, 0)
"""
_COUNT = """
update form_canaries as c set new_checked = c.new_checked + n.new_checked, new_failed = c.new_failed + n.new_failed,
  old_checked = c.old_checked + n.old_checked, old_failed = c.old_failed + n.old_failed
from (
  select * from unnest($1::integer[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    as counted (form_id, version, new_checked, new_failed, old_checked, old_failed) order by form_id, version
) as n
where c.form_id = n.form_id and c.version = n.version and c.ended_at is null
"""
_RUNNING = f"""
select forms.form_id, name, version, percent, ends_at, {_NUMBERS}
from form_canaries join forms using (form_id) where ended_at is null order by name
"""
_ONE = f"""
select forms.form_id, name, version, percent, ends_at, {_NUMBERS}
from form_canaries join forms using (form_id) where ended_at is null and form_id = $1 for update
"""
_END = "update form_canaries set ended_at = $3, outcome = $4 where form_id = $1 and version = $2"


@dataclass(frozen=True, slots=True)
class Canary:
    """One running canary."""

    form_id: FormId
    form: str
    version: int
    percent: int
    ends_at: datetime
    numbers: Numbers


async def start(
    raw: asyncpg.Connection,
    form_id: FormId,
    version: int,
    *,
    percent: int,
    started_at: datetime,
    ends_at: datetime,
) -> None:
    """Keeps a new canary."""
    await raw.execute(_START, form_id, version, percent, started_at, ends_at)


async def count(raw: asyncpg.Connection, counted: Mapping[tuple[FormId, int], Numbers]) -> None:
    """Adds judgements to running canaries; those of ended ones are forgotten."""
    keys = sorted(counted)
    await raw.execute(
        _COUNT,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [counted[key].new_checked for key in keys],
        [counted[key].new_failed for key in keys],
        [counted[key].old_checked for key in keys],
        [counted[key].old_failed for key in keys],
    )


async def running(raw: asyncpg.Connection) -> list[Canary]:
    """The running canaries, by form."""
    return [_canary(row) for row in await raw.fetch(_RUNNING)]


async def running_of(raw: asyncpg.Connection, form_id: FormId) -> Canary | None:
    """The form's running canary, for this transaction alone; None when none runs."""
    row = await raw.fetchrow(_ONE, form_id)
    return None if row is None else _canary(row)


async def end(raw: asyncpg.Connection, canary: Canary, *, at: datetime, outcome: str) -> None:
    """Ends a canary; its numbers stay."""
    await raw.execute(_END, canary.form_id, canary.version, at, outcome)


def _canary(row: asyncpg.Record) -> Canary:
    return Canary(FormId(row[0]), row[1], row[2], row[3], row[4], Numbers(*row[5:9]))
