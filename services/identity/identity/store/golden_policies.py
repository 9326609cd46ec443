"""Published policies of survivorship: the history is the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

LISTED_MAX = 100
_LOCK = "lock table golden_policies in share row exclusive mode"
_COLUMNS = "version, document, replaced_version, published_by, reason, published_at"
_NEWEST = f"select {_COLUMNS} from golden_policies order by version desc limit 1"
_ONE = f"select {_COLUMNS} from golden_policies where version = $1"
_LIST = f"select {_COLUMNS} from golden_policies order by version desc limit {LISTED_MAX}"
_PUBLISH = f"insert into golden_policies ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6)"


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """A policy that somebody put into force in place of `replaced_version`."""

    version: int
    document: str
    replaced_version: int
    published_by: str
    reason: str
    published_at: datetime


async def lock(raw: asyncpg.Connection) -> None:
    """Keeps others from publishing until the transaction ends."""
    await raw.execute(_LOCK)


async def newest(raw: asyncpg.Connection) -> PublishedPolicy | None:
    """The policy published last; None when the packaged one is in force."""
    row = await raw.fetchrow(_NEWEST)
    return None if row is None else PublishedPolicy(*row)


async def published(raw: asyncpg.Connection, version: int) -> PublishedPolicy | None:
    """The policy published under a version."""
    row = await raw.fetchrow(_ONE, version)
    return None if row is None else PublishedPolicy(*row)


async def newest_first(raw: asyncpg.Connection) -> list[PublishedPolicy]:
    """The last 100 policies."""
    return [PublishedPolicy(*row) for row in await raw.fetch(_LIST)]


async def publish(raw: asyncpg.Connection, policy: PublishedPolicy) -> None:
    """Puts a policy into force; nobody else may be publishing (`lock`)."""
    await raw.execute(
        _PUBLISH,
        policy.version,
        policy.document,
        policy.replaced_version,
        policy.published_by,
        policy.reason,
        policy.published_at,
    )
