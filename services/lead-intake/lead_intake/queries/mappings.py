"""Which mappings an account had, and which is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import NotFound

from lead_intake.store import accounts
from lead_intake.store import mappings as store

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database

    from lead_intake.domain.leads import AccountId
    from lead_intake.store.mappings import PublishedMapping


async def list_mappings(database: Database, channel: str, account: str) -> list[PublishedMapping]:
    """The account's mappings, newest first; raises `NotFound`."""
    async with database.raw() as raw:
        return await store.versions(raw, await _account_id(raw, channel, account))


async def get_mapping(
    database: Database, channel: str, account: str, *, version: int
) -> PublishedMapping:
    """One mapping, that in force for version 0; raises `NotFound`."""
    async with database.raw() as raw:
        account_id = await _account_id(raw, channel, account)
        found = (
            await store.version_of(raw, account_id, version)
            if version
            else await store.in_force(raw, account_id)
        )
    if found is None:
        raise NotFound("no such mapping")
    return found


async def _account_id(raw: asyncpg.Connection, channel: str, account: str) -> AccountId:
    row = await accounts.find(raw, channel, account)
    if row is None:
        raise NotFound("no such account")
    return row.account_id
