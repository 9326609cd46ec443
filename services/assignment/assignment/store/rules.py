"""The documents of routing rules that are or were in force, each under its version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

VERSIONS_MAX = 1000

_COLUMNS = "version, document, sha256, published_by, approval_id, published_at, restored_version"
_GET = f"select {_COLUMNS} from rule_versions where version = $1"
_LIST = f"select {_COLUMNS} from rule_versions order by version desc limit {VERSIONS_MAX}"
_BY_APPROVAL = "select version from rule_versions where approval_id = $1 and $1 <> ''"
_LAST = "select coalesce(max(version), 0) from rule_versions"
_ADD = f"""
insert into rule_versions ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7) on conflict (version) do nothing
"""
_PUT_INTO_FORCE = "update roster set rules_version = $1, openings = openings + 1"


@dataclass(frozen=True, slots=True)
class KeptRules:
    """One version; `published_by` is empty for the file that the service came with."""

    version: int
    document: str
    sha256: bytes
    published_by: str
    approval_id: str
    published_at: datetime
    restored_version: int | None = None


async def get_rules(raw: asyncpg.Connection, version: int) -> KeptRules | None:
    """One version."""
    row = await raw.fetchrow(_GET, version)
    return None if row is None else KeptRules(*row)


async def list_rules(raw: asyncpg.Connection) -> list[KeptRules]:
    """Every version, newest first, at most 1,000."""
    return [KeptRules(*row) for row in await raw.fetch(_LIST)]


async def version_by(raw: asyncpg.Connection, approval_id: str) -> int | None:
    """The version that an approval has put into force."""
    version: int | None = await raw.fetchval(_BY_APPROVAL, approval_id)
    return version


async def last_version(raw: asyncpg.Connection) -> int:
    """The highest number; 0 before anything was kept."""
    return int(await raw.fetchval(_LAST))


async def add_rules(raw: asyncpg.Connection, kept: KeptRules) -> bool:
    """Keeps a version; says whether it was not there."""
    status: str = await raw.execute(
        _ADD,
        kept.version,
        kept.document,
        kept.sha256,
        kept.published_by,
        kept.approval_id,
        kept.published_at,
        kept.restored_version,
    )
    return status.endswith(" 1")


async def put_into_force(raw: asyncpg.Connection, version: int) -> None:
    """Lets every replica decide by a version from its next transaction on, under the lock of the mark."""
    await raw.execute(_PUT_INTO_FORCE, version)
