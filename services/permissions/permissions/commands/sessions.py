"""How people sign in and out, and how programs get keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.changes import SessionRevoked
from accesskit.facts import checked_name
from leadchain.permissions.v1.events_pb2 import SessionsRevoked
from servicekit.events import new_id

from permissions.commands import recording
from permissions.commands.devices import prove
from permissions.domain import sessions as domain
from permissions.domain.audit import Event
from permissions.domain.principals import with_next_epoch
from permissions.store import principals
from permissions.store import sessions as store

if TYPE_CHECKING:
    from accesskit.changes import PrincipalPut
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.sessions import ApiKey, Session, SignIn

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Revocation:
    """What a revocation ended, the principal's epoch after it, and the token of that state.

    `revision` is 0 when there was nothing left to revoke.
    """

    revoked_count: int
    epoch: int
    token: str
    revision: int


async def open_session(database: Database, sign_in: SignIn, *, actor: str) -> Session:
    """Opens a session, or finds the one that this request opened.

    Raises `RequestIdTaken`, `BadProof` when the device's proof is refused, and what `domain.open_session` raises.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await store.session_of_request(uow.raw, sign_in.request_id)
        if known is not None:
            return _same(known, sign_in)
        principal = (await principals.of_ids(uow.raw, [sign_in.principal_id])).get(
            sign_in.principal_id
        )
        epoch = principal.epoch if principal else 0
        others = await store.open_sessions(uow.raw, sign_in.principal_id, epoch=epoch, now=uow.now)
        session = domain.open_session(
            sign_in, principal, session_id=new_id(), open_count=len(others), now=uow.now
        )
        if sign_in.device_id:
            await prove(uow, sign_in.device_id, sign_in.device_proof, owner_id=session.principal_id)
        await store.add(uow.raw, session)
        log.append(_event("session_opened", actor, session))
        await log.finish()
    return session


async def see_session(database: Database, session_id: str, *, address: str) -> bool:
    """Notes that a session is in use; whether it goes on. Raises `BadAddress` or `UnknownSession`."""
    checked_name(session_id, "session_id")
    seen_at = domain.checked_address(address)
    async with database.unit_of_work() as uow:
        session = await _known(uow, session_id)
        known = await principals.of_ids(uow.raw, [session.principal_id])
        is_open = session.is_open(known.get(session.principal_id), now=uow.now)
        if is_open:
            await store.see(uow.raw, session_id, address=seen_at, now=uow.now)
    return is_open


async def revoke_session(database: Database, session_id: str, *, actor: str) -> Revocation:
    """Ends one session; twice is once. Raises `UnknownSession`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        session = await _known(uow, session_id)
        is_new = session.revoked_at is None and uow.now < session.expires_at
        if is_new:
            await store.revoke(uow.raw, [session_id], now=uow.now)
            change = SessionRevoked(session_id, session.expires_at.timestamp())
            log.append(_event("session_revoked", actor, session, change))
        recorded = await log.finish()
    revision = recorded.revision if is_new else 0
    return Revocation(int(is_new), session.epoch, recorded.token, revision)


async def revoke_sessions_of(database: Database, principal_id: str, *, actor: str) -> Revocation:
    """Ends every session and token of a principal by a new epoch. Raises `UnknownPrincipal`."""
    checked_name(principal_id, "principal_id")
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = (await principals.of_ids(uow.raw, [principal_id])).get(principal_id)
        if known is None:
            raise domain.UnknownPrincipal
        after = with_next_epoch(known)
        count = await end_sessions(uow, after)
        await put_principal(uow, log, after, action="sessions_revoked", actor=actor)
        announce_end(uow, after, reason="revoked", seq=log.next_seq - 1)
        recorded = await log.finish()
    return Revocation(count, after.epoch, recorded.token, recorded.revision)


async def create_api_key(
    database: Database, principal_id: str, *, lifetime_days: int, actor: str
) -> tuple[ApiKey, str]:
    """A new key and its written form, which is stored nowhere.

    Raises `UnknownPrincipal`, `PrincipalNotActive`, `LifetimeTooLong` or `TooManyApiKeys`.
    """
    checked_name(principal_id, "principal_id")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await principals.of_ids(uow.raw, [principal_id])
        key = domain.create_api_key(
            known.get(principal_id),
            key_id=new_id(),
            secret=secret,
            lifetime_days=lifetime_days,
            now=uow.now,
        )
        if (
            len(await store.api_keys_in_use(uow.raw, principal_id, now=uow.now))
            >= domain.API_KEYS_MAX
        ):
            raise domain.TooManyApiKeys
        await store.add_api_key(uow.raw, key)
        log.append(
            Event("api_key_created", actor, f"key:{key.key_id}", {"principal_id": principal_id})
        )
        await log.finish()
    return key, domain.written_key(key.key_id, secret)


async def revoke_api_key(database: Database, key_id: str, *, actor: str) -> None:
    """Ends a key; twice is once. Raises `UnknownApiKey`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        key = await store.api_key(uow.raw, key_id)
        if key is None:
            raise domain.UnknownApiKey
        if key.revoked_at is None:
            await store.revoke_api_keys(uow.raw, [key_id], now=uow.now)
            details = {"principal_id": key.principal_id}
            log.append(Event("api_key_revoked", actor, f"key:{key_id}", details))
        await log.finish()


async def end_sessions(uow: UnitOfWork, after: PrincipalPut) -> int:
    """Marks the open sessions of a principal whose epoch has just grown as ended; returns how many there were."""
    sessions = await store.open_sessions(
        uow.raw, after.principal_id, epoch=after.epoch - 1, now=uow.now
    )
    await store.revoke(uow.raw, [session.session_id for session in sessions], now=uow.now)
    return len(sessions)


async def put_principal(
    uow: UnitOfWork, log: Log, principal: PrincipalPut, *, action: str, actor: str
) -> None:
    """Records and writes what a principal is now."""
    resource = f"{principal.type}:{principal.principal_id}"
    seq = log.append(Event(action, actor, resource, changes=[principal]))
    await principals.put(uow.raw, [principal], seq=seq)


def announce_end(uow: UnitOfWork, principal: PrincipalPut, *, reason: str, seq: int) -> None:
    """Publishes that a principal's sessions are void; `seq` is the entry that says so."""
    event = SessionsRevoked(
        principal_id=principal.principal_id,
        epoch=principal.epoch,
        reason=reason,
        audit_seq=seq,
    )
    uow.publish(event, key=principal.principal_id)


async def _known(uow: UnitOfWork, session_id: str) -> Session:
    session = await store.session(uow.raw, session_id)
    if session is None:
        raise domain.UnknownSession
    return session


def _same(known: Session, sign_in: SignIn) -> Session:
    if (known.principal_id, known.device_id) != (sign_in.principal_id, sign_in.device_id):
        raise domain.RequestIdTaken
    return known


def _event(action: str, actor: str, session: Session, *changes: SessionRevoked) -> Event:
    details = {"principal_id": session.principal_id, "epoch": session.epoch}
    return Event(action, actor, f"session:{session.session_id}", details, changes)
