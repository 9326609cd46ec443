"""Devices and the nonces that they are to sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accesskit.changes import DevicePut

from permissions.domain.devices import Device, DeviceKey, UnknownDevice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from accesskit.changes import Change

    from permissions.domain.devices import Challenge

LISTED_MAX = 100

_COLUMNS = "device_id, principal_id, public_key, thumbprint, status, registered_at, approved_by"
_ALL = "select device_id, principal_id, status from devices order by device_id"
_BY_ID = f"select {_COLUMNS} from devices where device_id = $1"
_BY_KEY = f"select {_COLUMNS} from devices where thumbprint = $1"
_OF_PRINCIPAL = f"""
select {_COLUMNS} from devices where principal_id = $1 order by device_id desc limit {LISTED_MAX}
"""
_UNREVOKED = f"select {_COLUMNS} from devices where principal_id = $1 and status <> 'revoked' order by device_id"
_ADD = "insert into devices values ($1, $2, $3, $4, $5, $6, $7)"
_APPROVE = "update devices set status = 'registered', approved_by = $2 where device_id = $1"
_REVOKE = "update devices set status = 'revoked' where device_id = any($1::text[])"
_CHALLENGE = """
with outdated as (delete from device_challenges where expires_at <= $4)
insert into device_challenges values ($1, $2, $3)
"""
_USE_UP = """
delete from device_challenges where nonce = $1 and device_id = $2 and expires_at > $3 returning true
"""


async def load(raw: asyncpg.Connection) -> list[Change]:
    """All of them, as the changes that state them."""
    return [DevicePut(*row) for row in await raw.fetch(_ALL)]


async def known(raw: asyncpg.Connection, device_id: str) -> Device:
    """The device with this id; raises `UnknownDevice`."""
    row = await raw.fetchrow(_BY_ID, device_id)
    if row is None:
        raise UnknownDevice
    return _device(row)


async def device_with_key(raw: asyncpg.Connection, thumbprint: str) -> Device | None:
    """The device with this key, whoever's it is."""
    row = await raw.fetchrow(_BY_KEY, thumbprint)
    return _device(row) if row else None


async def devices_of(raw: asyncpg.Connection, principal_id: str) -> list[Device]:
    """A principal's devices, newest first, at most `LISTED_MAX`."""
    return [_device(row) for row in await raw.fetch(_OF_PRINCIPAL, principal_id)]


async def unrevoked(raw: asyncpg.Connection, principal_id: str) -> list[Device]:
    """A principal's devices that have not been revoked."""
    return [_device(row) for row in await raw.fetch(_UNREVOKED, principal_id)]


async def add(raw: asyncpg.Connection, added: Device) -> None:
    """Keeps a new device."""
    await raw.execute(
        _ADD,
        added.device_id,
        added.principal_id,
        added.key.jwk,
        added.key.thumbprint,
        added.status,
        added.registered_at,
        added.approved_by,
    )


async def approve(raw: asyncpg.Connection, device_id: str, *, approver_id: str) -> None:
    """Lets a device be worked with."""
    await raw.execute(_APPROVE, device_id, approver_id)


async def revoke(raw: asyncpg.Connection, device_ids: Sequence[str]) -> None:
    """Ends devices."""
    await raw.execute(_REVOKE, device_ids)


async def add_challenge(raw: asyncpg.Connection, challenge: Challenge, *, now: datetime) -> None:
    """Keeps a nonce until it is used, and forgets those that were not in time."""
    await raw.execute(_CHALLENGE, challenge.nonce, challenge.device_id, challenge.expires_at, now)


async def use_up(raw: asyncpg.Connection, nonce: str, *, device_id: str, now: datetime) -> bool:
    """Uses a nonce up; False when it was none, was used already, or has expired."""
    return bool(await raw.fetchval(_USE_UP, nonce, device_id, now))


def _device(row: Any) -> Device:
    device_id, principal_id, public_key, thumbprint, status, registered_at, approved_by = row
    key = DeviceKey(public_key, thumbprint)
    return Device(device_id, principal_id, key, status, registered_at, approved_by)
