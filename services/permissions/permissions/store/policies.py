"""Versions of the policy, and how far each has been tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.changes import PolicyPut

from permissions.domain.policies import Stage, Version

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from accesskit.changes import Change

_COLUMNS = "version, document, stage, proposed_by, proposed_at, tried_at, seq"
_DECIDING = """
select version, document, stage from policies where stage in ('live', 'shadow') order by stage, version
"""
_ONE = f"select {_COLUMNS} from policies where version = $1"
_LIVE = f"select {_COLUMNS} from policies where stage = 'live'"
_IN_STAGE = f"select {_COLUMNS} from policies where stage = $1"
_PAGE = """
select version, '', stage, proposed_by, proposed_at, tried_at, seq from policies where version < $1
order by version desc limit $2
"""
_REPLACED = f"select {_COLUMNS} from policies where stage = 'retired' and seq = $1"
_NEWEST = f"select {_COLUMNS} from policies order by version desc limit 1"
_LEASED = "select distinct resource_type from leases order by resource_type"
_LAST = "select coalesce(max(version), 0) from policies"
_ADD = f"insert into policies ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)"
_MOVE = "update policies set stage = $2, seq = $3 where version = $1"
_TRIED = "update policies set tried_at = $2 where version = $1"


async def load(raw: asyncpg.Connection) -> list[Change]:
    """The live and the shadow one, as the changes that state them; the others decide nothing."""
    return [PolicyPut(*row) for row in await raw.fetch(_DECIDING)]


async def live(raw: asyncpg.Connection) -> Version | None:
    """The live version; None before the first start."""
    return _version(await raw.fetchrow(_LIVE))


async def in_stage(raw: asyncpg.Connection, stage: Stage) -> list[Version]:
    """The versions in a stage."""
    found = [_version(row) for row in await raw.fetch(_IN_STAGE, stage.value)]
    return [version for version in found if version is not None]


async def get(raw: asyncpg.Connection, version: int) -> Version | None:
    """One version; None when there is none of this number."""
    return _version(await raw.fetchrow(_ONE, version))


async def page(raw: asyncpg.Connection, *, below: int, limit: int) -> list[Version]:
    """Versions without their documents, newest first."""
    found = [_version(row) for row in await raw.fetch(_PAGE, below, limit)]
    return [version for version in found if version is not None]


async def replaced_by(raw: asyncpg.Connection, live: Version) -> Version | None:
    """The version that the live one replaced: the same entry retired it."""
    return _version(await raw.fetchrow(_REPLACED, live.seq))


async def newest(raw: asyncpg.Connection) -> Version | None:
    """The newest version."""
    return _version(await raw.fetchrow(_NEWEST))


async def leased_types(raw: asyncpg.Connection) -> list[str]:
    """The types of what is owned: every version has to know what their owners are."""
    return [row[0] for row in await raw.fetch(_LEASED)]


async def last_number(raw: asyncpg.Connection) -> int:
    """The number of the newest version; 0 when there is none."""
    return int(await raw.fetchval(_LAST))


async def add(raw: asyncpg.Connection, version: Version) -> None:
    """Keeps a new version."""
    await raw.execute(
        _ADD,
        version.number,
        version.document,
        version.stage.value,
        version.proposed_by,
        version.proposed_at,
        version.tried_at,
        version.seq,
    )


async def move(raw: asyncpg.Connection, number: int, stage: Stage, *, seq: int) -> None:
    """Puts a version into a stage, as entry `seq` states."""
    await raw.execute(_MOVE, number, stage.value, seq)


async def mark_tried(raw: asyncpg.Connection, number: int, at: datetime) -> None:
    """Notes that a version was compared with the live one."""
    await raw.execute(_TRIED, number, at)


def _version(row: asyncpg.Record | None) -> Version | None:
    if row is None:
        return None
    number, document, stage, proposed_by, proposed_at, tried_at, seq = row
    return Version(number, document, Stage(stage), proposed_by, proposed_at, seq, tried_at)
