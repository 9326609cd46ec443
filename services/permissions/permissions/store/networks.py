"""Networks from which people may work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.changes import NetworkPut

if TYPE_CHECKING:
    import asyncpg
    from accesskit.changes import Change

_ALL = "select text(cidr), name from networks order by cidr"
_PUT = """
insert into networks values ($1::text::cidr, $2)
on conflict (cidr) do update set name = excluded.name where networks.name <> excluded.name returning true
"""
_REMOVE = "delete from networks where cidr = $1::text::cidr returning true"


async def load(raw: asyncpg.Connection) -> list[Change]:
    """All of them, as the changes that state them."""
    return [*await trusted(raw)]


async def trusted(raw: asyncpg.Connection) -> list[NetworkPut]:
    """The trusted networks in their order."""
    return [NetworkPut(*row) for row in await raw.fetch(_ALL)]


async def put(raw: asyncpg.Connection, cidr: str, name: str) -> bool:
    """Trusts a network; False when it was trusted under this name already."""
    return bool(await raw.fetchval(_PUT, cidr, name))


async def remove(raw: asyncpg.Connection, cidr: str) -> bool:
    """Trusts a network no longer; False when it was not."""
    return bool(await raw.fetchval(_REMOVE, cidr))
