"""How devices are registered, proven and ended, and which networks are trusted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from accesskit.approvals import ApprovalRequired
from accesskit.canonical import params_hash
from accesskit.changes import DevicePut, NetworkPut, NetworkRemoved
from accesskit.decisions import Outcome
from accesskit.facts import checked_name
from accesskit.guard import Refusal
from accesskit.networks import parse_network
from leadchain.permissions.v1.approvals_service_pb2 import Deed
from leadchain.permissions.v1.changes_pb2 import Entity
from servicekit.events import new_id

from permissions.commands import recording
from permissions.commands.approvals import use
from permissions.commands.approving import use_of
from permissions.commands.settling import check_settled, settled
from permissions.domain import devices as domain
from permissions.domain.audit import Event
from permissions.domain.devices import Device
from permissions.domain.facts import Need
from permissions.domain.sessions import UnknownSession, check_active
from permissions.queries import rights
from permissions.store import devices, networks, principals, sessions

if TYPE_CHECKING:
    from servicekit.auth import Caller
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.devices import Challenge, DeviceKey
    from permissions.queries.live import Live

NONCE_BYTES = 32


async def register_device(
    database: Database, principal_id: str, key: DeviceKey
) -> tuple[Device, str]:
    """A person's new device, which waits for approval; the one with this key if it is theirs already.

    Returns the consistency token too. Raises `UnknownPrincipal`, `PrincipalNotActive`, `DeviceTaken` or
    `TooManyDevices`.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await principals.of_ids(uow.raw, [principal_id])
        check_active(known.get(principal_id))
        device = await devices.device_with_key(uow.raw, key.thumbprint)
        count = len(await devices.unrevoked(uow.raw, principal_id))
        domain.check_registrable(device, principal_id=principal_id, device_count=count)
        if device is None:
            device = Device(new_id(), principal_id, key, "pending", uow.now)
            await devices.add(uow.raw, device)
            log.append(_event("device_registered", principal_id, device, "pending"))
        recorded = await log.finish()
    return device, recorded.token


async def approve_device(
    database: Database, live: Live, device_id: str, *, caller: Caller, approval_id: str
) -> str:
    """Lets a device be worked with, by somebody who may register devices and with the approval that the policy wants.

    Twice is once. Returns the consistency token. Raises `UnknownDevice`, `OwnDevice`, `DeviceRevoked`, `Refusal`, or
    what the use of an approval does.
    """
    checked_name(device_id, "device_id")

    async def work(uow: UnitOfWork, log: Log) -> None:
        device = await devices.known(uow.raw, device_id)
        domain.check_approvable(device, approver_id=caller.subject)
        if device.status == "registered":
            return
        await _authorise(uow, log, live, device, caller, approval_id)
        await devices.approve(uow.raw, device_id, approver_id=caller.subject)
        log.append(_event("device_approved", caller.subject, device, "registered"))

    await settled(database, live, work)
    await live.catch_up()
    return live.token


async def revoke_device(database: Database, device_id: str, *, actor: str) -> str:
    """Ends a device for good; twice is once. Returns the consistency token; raises `UnknownDevice`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        device = await devices.known(uow.raw, device_id)
        if device.status != "revoked":
            await devices.revoke(uow.raw, [device_id])
            log.append(_event("device_revoked", actor, device, "revoked"))
        recorded = await log.finish()
    return recorded.token


async def challenge_device(database: Database, device_id: str) -> Challenge:
    """A nonce for the device to sign within a minute; raises `UnknownDevice` or `BadProof`."""
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    async with database.unit_of_work() as uow:
        device = await devices.known(uow.raw, device_id)
        challenge = domain.challenge(device, nonce=nonce, now=uow.now)
        await devices.add_challenge(uow.raw, challenge, now=uow.now)
    return challenge


async def prove_device(
    database: Database, session_id: str, device_id: str, proof: str, *, actor: str
) -> Device:
    """Binds a session to the device that signed a nonce.

    Raises `UnknownSession` for one that has ended too, `UnknownDevice` or `BadProof`.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        session = await sessions.session(uow.raw, session_id)
        known = await principals.of_ids(uow.raw, [session.principal_id] if session else [])
        if session is None or not session.is_open(known.get(session.principal_id), now=uow.now):
            raise UnknownSession
        device = await prove(uow, device_id, proof, owner_id=session.principal_id)
        await sessions.bind(uow.raw, session_id, device_id)
        details = {"principal_id": session.principal_id, "device_id": device_id}
        log.append(Event("device_proven", actor, f"session:{session_id}", details))
        await log.finish()
    return device


async def prove(uow: UnitOfWork, device_id: str, proof: str, *, owner_id: str) -> Device:
    """Checks a proof and uses its nonce up; raises `UnknownDevice` for somebody else's, or `BadProof`."""
    device = await devices.known(uow.raw, device_id)
    if device.principal_id != owner_id:
        raise domain.UnknownDevice
    nonce = domain.proven_nonce(device, proof, now=uow.now)
    if not await devices.use_up(uow.raw, nonce, device_id=device_id, now=uow.now):
        raise domain.BadProof("nonce")
    return device


async def put_network(database: Database, cidr: str, name: str, *, actor: str) -> str:
    """Trusts a network; returns the consistency token. Raises `BadNetwork` or `BadName`."""
    network = str(parse_network(cidr))
    checked_name(name, "the network's name")
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        if await networks.put(uow.raw, network, name):
            change = NetworkPut(network, name)
            log.append(Event("network_put", actor, "platform:permissions", {}, [change]))
        recorded = await log.finish()
    return recorded.token


async def remove_network(database: Database, cidr: str, *, actor: str) -> str:
    """Trusts a network no longer; returns the consistency token. Raises `BadNetwork`."""
    network = str(parse_network(cidr))
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        if await networks.remove(uow.raw, network):
            change = NetworkRemoved(network)
            log.append(Event("network_removed", actor, "platform:permissions", {}, [change]))
        recorded = await log.finish()
    return recorded.token


async def _authorise(
    uow: UnitOfWork, log: Log, live: Live, device: Device, caller: Caller, approval_id: str
) -> None:
    need = Need("register", "device", device.device_id)
    await check_settled(uow.raw, live, rights.question_of(caller, need))
    decision = rights.decide_for(caller, live, need)
    params = {"thumbprint": device.key.thumbprint}
    if decision.approval and approval_id:
        await use(uow, log, live, use_of(caller, need, approval_id, params_hash(params)))
    elif decision.approval:
        resource = Entity(type="device", id=device.device_id)
        deed = Deed(subject_id=caller.subject, action=need.action, resource=resource)
        raise ApprovalRequired(deed, params)
    elif decision.outcome is not Outcome.ALLOW:
        raise Refusal(need.action, decision.reason)


def _event(action: str, actor: str, device: Device, status: domain.Status) -> Event:
    details = {"principal_id": device.principal_id, "thumbprint": device.key.thumbprint}
    change = DevicePut(device.device_id, device.principal_id, status)
    return Event(action, actor, f"device:{device.device_id}", details, [change])
