"""All that decisions are made from, read from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.store import facts, leases, policies, principals, sessions

if TYPE_CHECKING:
    import asyncpg
    from accesskit.changes import Change


async def every_change(raw: asyncpg.Connection) -> list[Change]:
    """Changes that, applied to nothing, give the state; the policy comes first, for facts are read by its model."""
    return [
        *await policies.load(raw),
        *await principals.load(raw),
        *await facts.load(raw),
        *await leases.load(raw),
        *await sessions.load(raw),
    ]
