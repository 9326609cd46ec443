"""What can be asked of sessions, API keys, devices and networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.facts import checked_name

from permissions.domain import sessions as domain
from permissions.store import devices, networks, principals, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from accesskit.changes import NetworkPut, PrincipalPut
    from servicekit.database import Database

    from permissions.domain.devices import Device
    from permissions.domain.sessions import ApiKey, Session

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """Sessions, newest first, and the token of the next page; empty after the last."""

    sessions: Sequence[Session]
    next_token: str


async def list_sessions(
    database: Database, principal_id: str, *, page_size: int, page_token: str
) -> SessionsPage:
    """A page of a principal's sessions: 100 when `page_size` is 0, 1,000 at most."""
    checked_name(principal_id, "principal_id")
    if page_token:
        checked_name(page_token, "page_token")
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        found = await sessions.page(raw, principal_id, before_id=page_token, limit=limit + 1)
    shown = found[:limit]
    return SessionsPage(shown, shown[-1].session_id if len(found) > limit else "")


async def session_owner(database: Database, session_id: str) -> str:
    """Whose session it is; raises `UnknownSession`."""
    checked_name(session_id, "session_id")
    async with database.raw() as raw:
        session = await sessions.session(raw, session_id)
    if session is None:
        raise domain.UnknownSession
    return session.principal_id


async def api_key_owner(database: Database, key_id: str) -> str:
    """Whose API key it is; raises `UnknownApiKey`."""
    checked_name(key_id, "key_id")
    async with database.raw() as raw:
        key = await sessions.api_key(raw, key_id)
    if key is None:
        raise domain.UnknownApiKey
    return key.principal_id


async def verify_api_key(
    database: Database, written: str, *, now: datetime
) -> tuple[ApiKey, PrincipalPut]:
    """Whom a written key proves; raises `BadApiKey`, also when the principal may not sign in."""
    key_id, secret = domain.read_key(written)
    async with database.raw() as raw:
        key = await sessions.api_key(raw, key_id)
        if key is None or not key.is_proven_by(secret, now=now):
            raise domain.BadApiKey
        principal = (await principals.of_ids(raw, [key.principal_id])).get(key.principal_id)
    if principal is None or principal.status != "active":
        raise domain.BadApiKey
    return key, principal


async def list_devices(database: Database, principal_id: str) -> list[Device]:
    """A principal's devices, newest first, at most 100."""
    checked_name(principal_id, "principal_id")
    async with database.raw() as raw:
        return await devices.devices_of(raw, principal_id)


async def device_owner(database: Database, device_id: str) -> str:
    """Whose device it is; raises `UnknownDevice`."""
    checked_name(device_id, "device_id")
    async with database.raw() as raw:
        return (await devices.known(raw, device_id)).principal_id


async def list_networks(database: Database) -> list[NetworkPut]:
    """The trusted networks in their order."""
    async with database.raw() as raw:
        return await networks.trusted(raw)
