"""Sessions and API keys; and what sessions, devices and networks mean to decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.changes import SessionRevoked

from permissions.domain.sessions import ApiKey, Session
from permissions.store import devices, networks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from accesskit.changes import Change

_SESSION = """
session_id, request_id, principal_id, epoch, device_id, host(address), opened_at, last_seen_at, expires_at, revoked_at
"""
_BY_ID = f"select {_SESSION} from sessions where session_id = $1"
_BY_REQUEST = f"select {_SESSION} from sessions where request_id = $1"
_OPEN = f"""
select {_SESSION} from sessions
where principal_id = $1 and revoked_at is null and expires_at > $2 and epoch >= $3 order by session_id
"""
_PAGE = f"""
select {_SESSION} from sessions where principal_id = $1 and ($2 = '' or session_id < $2)
order by session_id desc limit $3
"""
_ADD = "insert into sessions values ($1, $2, $3, $4, $5, $6::text::inet, $7, $8, $9, $10)"
_SEEN = """
update sessions set last_seen_at = greatest(last_seen_at, $2), address = $3::text::inet where session_id = $1
"""
_BIND = "update sessions set device_id = $2 where session_id = $1"
_REVOKE = "update sessions set revoked_at = $2 where session_id = any($1::text[])"
_VOID_ALONE = """
select session_id, extract(epoch from expires_at)::float8 from sessions
join principals using (principal_id)
where revoked_at is not null and expires_at > now() and sessions.epoch >= principals.epoch order by session_id
"""
_KEY = "key_id, principal_id, secret_hash, created_at, expires_at, revoked_at"
_KEY_BY_ID = f"select {_KEY} from api_keys where key_id = $1"
_KEYS_IN_USE = f"""
select {_KEY} from api_keys where principal_id = $1 and revoked_at is null and expires_at > $2 order by key_id
"""
_ADD_KEY = "insert into api_keys values ($1, $2, $3, $4, $5, $6)"
_REVOKE_KEYS = """
update api_keys set revoked_at = $2 where key_id = any($1::text[]) and revoked_at is null
"""


async def load(raw: asyncpg.Connection) -> list[Change]:
    """Devices, networks, and the sessions that are void before their time, as the changes that state them."""
    revoked = [SessionRevoked(*row) for row in await raw.fetch(_VOID_ALONE)]
    return [*await devices.load(raw), *await networks.load(raw), *revoked]


async def session(raw: asyncpg.Connection, session_id: str) -> Session | None:
    """The session with this id."""
    row = await raw.fetchrow(_BY_ID, session_id)
    return Session(*row) if row else None


async def session_of_request(raw: asyncpg.Connection, request_id: str) -> Session | None:
    """The session that was opened by this request."""
    row = await raw.fetchrow(_BY_REQUEST, request_id)
    return Session(*row) if row else None


async def open_sessions(
    raw: asyncpg.Connection, principal_id: str, *, epoch: int, now: datetime
) -> list[Session]:
    """The sessions of a principal that have not ended."""
    return [Session(*row) for row in await raw.fetch(_OPEN, principal_id, now, epoch)]


async def page(
    raw: asyncpg.Connection, principal_id: str, *, before_id: str, limit: int
) -> list[Session]:
    """Sessions of a principal, newest first, older than one of them."""
    return [Session(*row) for row in await raw.fetch(_PAGE, principal_id, before_id, limit)]


async def add(raw: asyncpg.Connection, opened: Session) -> None:
    """Keeps a new session."""
    await raw.execute(
        _ADD,
        opened.session_id,
        opened.request_id,
        opened.principal_id,
        opened.epoch,
        opened.device_id,
        opened.address,
        opened.opened_at,
        opened.last_seen_at,
        opened.expires_at,
        opened.revoked_at,
    )


async def see(raw: asyncpg.Connection, session_id: str, *, address: str, now: datetime) -> None:
    """Notes that a session was in use."""
    await raw.execute(_SEEN, session_id, now, address)


async def bind(raw: asyncpg.Connection, session_id: str, device_id: str) -> None:
    """Notes the device that proved its key in a session."""
    await raw.execute(_BIND, session_id, device_id)


async def revoke(raw: asyncpg.Connection, session_ids: Sequence[str], *, now: datetime) -> None:
    """Ends sessions."""
    await raw.execute(_REVOKE, session_ids, now)


async def api_key(raw: asyncpg.Connection, key_id: str) -> ApiKey | None:
    """The API key with this id."""
    row = await raw.fetchrow(_KEY_BY_ID, key_id)
    return ApiKey(*row) if row else None


async def api_keys_in_use(
    raw: asyncpg.Connection, principal_id: str, *, now: datetime
) -> list[ApiKey]:
    """The API keys of a principal that have not ended."""
    return [ApiKey(*row) for row in await raw.fetch(_KEYS_IN_USE, principal_id, now)]


async def add_api_key(raw: asyncpg.Connection, key: ApiKey) -> None:
    """Keeps a new API key."""
    await raw.execute(
        _ADD_KEY,
        key.key_id,
        key.principal_id,
        key.secret_hash,
        key.created_at,
        key.expires_at,
        key.revoked_at,
    )


async def revoke_api_keys(
    raw: asyncpg.Connection, key_ids: Sequence[str], *, now: datetime
) -> None:
    """Ends API keys."""
    await raw.execute(_REVOKE_KEYS, key_ids, now)
