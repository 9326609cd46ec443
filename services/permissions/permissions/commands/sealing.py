"""Sealing the audit log: signed checkpoints, published so that the log's owner cannot take them back."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import structlog
from accesskit.notes import Signer
from leadchain.permissions.v1.events_pb2 import AuditSealed
from servicekit.errors import Conflict

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.checkpoints import (
    Checkpoint,
    SigningKey,
    is_due,
    origin,
    rotation_statement,
    statement,
)
from permissions.store import audit, checkpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.audit import AuditHead

_log = structlog.get_logger()

IDLE_S = 1.0
SEED_BYTES = 32
ACTOR = "permissions"


class SealedElsewhere(Conflict):
    """The key in force is none of those that this process was given."""

    def __init__(self) -> None:
        super().__init__("the audit log's signing key is not among the configured ones")


class UnknownKey(Conflict):
    """The key to sign next is none of those that this process was given."""

    def __init__(self) -> None:
        super().__init__("configure the new signing key beside the old one first")


class Keyring:
    """The seeds with which this process can sign, the first one used where the log names none yet.

    `text` is base64 of 32 bytes each, separated by commas; raises ValueError for anything else.
    """

    def __init__(self, text: str) -> None:
        self._seeds = [_seed(part.strip()) for part in text.split(",") if part.strip()]
        if not self._seeds:
            raise ValueError("a signing key is needed")

    def first(self, log_id: str) -> Signer:
        """Who signs when nobody has signed before."""
        return Signer.from_seed(origin(log_id), self._seeds[0])

    def holder(self, log_id: str, public_key: bytes) -> Signer | None:
        """Who signs with a public key; None when its seed is not here."""
        signers = (Signer.from_seed(origin(log_id), seed) for seed in self._seeds)
        return next((each for each in signers if each.public_key == public_key), None)


class Unsealed:
    """The part that stands where there is no key to seal the log with: says so at each start."""

    name = "sealer"

    async def start(self) -> None:
        """Warns."""
        _log.warning("audit_is_not_sealed", reason="AUDIT_SIGNING_KEY is not set")

    async def stop(self) -> None:
        """Nothing to end."""

    def problem(self) -> str | None:
        """None: the log is written without seals too."""
        return None


class Sealer:
    """Seals what is new: within 10 s, or at 1,000 entries. Of several processes one does, whoever gets the lock."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def step(self) -> bool:
        """Seals the log once if it is due; False, for nothing more is due then. Raises `SealedElsewhere`."""
        async with self._database.unit_of_work() as uow:
            if await checkpoints.try_lock(uow.raw):
                await self._seal(uow)
        return False

    async def _seal(self, uow: UnitOfWork) -> None:
        end = await audit.head(uow.raw)
        key = await checkpoints.key_in_force(uow.raw, end.seq)
        if key is None:
            await announce_first_key(uow, self._keyring)
            return
        sealed_size, sealed_at = await checkpoints.last_sealed(uow.raw)
        if is_due(end.seq, sealed_size=sealed_size, sealed_at=sealed_at, now=uow.now):
            await seal(uow, end, self._signer(end, key))

    def _signer(self, end: AuditHead, key: SigningKey) -> Signer:
        signer = self._keyring.holder(end.log_id, key.public_key)
        if signer is None:
            raise SealedElsewhere
        return signer


async def seal(uow: UnitOfWork, end: AuditHead, signer: Signer) -> None:
    """Signs where the log ends, keeps it, and tells everybody."""
    text = statement(end)
    checkpoint = Checkpoint(
        size=end.seq,
        root=end.peaks.root(),
        chain_hash=end.hash,
        key_id=signer.key_id,
        note=f"{text}\n{signer.line(text)}\n",
        sealed_at=uow.now,
    )
    await checkpoints.put(uow.raw, checkpoint)
    event = AuditSealed(
        log_id=end.log_id,
        size=checkpoint.size,
        root=checkpoint.root,
        chain_hash=checkpoint.chain_hash,
        note=checkpoint.note,
    )
    uow.publish(event, key=end.log_id)


async def announce_first_key(uow: UnitOfWork, keyring: Keyring) -> None:
    """States in the log which key seals it, unless it says so already."""
    log = await recording.begin(uow)
    if await checkpoints.key_in_force(uow.raw, log.next_seq) is None:
        await _enact(uow, log, keyring.first(log.log_id), "signing_key_announced", ACTOR, {})
    await log.finish()


async def rotate_signing_key(
    uow: UnitOfWork, log: Log, public_key: bytes, *, keyring: Keyring, actor: str
) -> tuple[str, int]:
    """Has another key sign from now on, which the key in force vouches for; again is no effect.

    Returns the verifier key and the entry that states it. Raises `UnknownKey` or `SealedElsewhere`.
    """
    successor = keyring.holder(log.log_id, public_key)
    if successor is None:
        raise UnknownKey
    current = await checkpoints.key_in_force(uow.raw, log.next_seq)
    if current is not None and current.public_key == public_key:
        return successor.verifier_key, current.seq
    outgoing = (
        keyring.holder(log.log_id, current.public_key) if current else keyring.first(log.log_id)
    )
    if outgoing is None:
        raise SealedElsewhere
    signature = outgoing.key.sign(rotation_statement(log.log_id, public_key))
    proof = {"previous_key": _text(outgoing.public_key), "signature": _text(signature)}
    seq = await _enact(uow, log, successor, "signing_key_rotated", actor, proof)
    return successor.verifier_key, seq


async def _enact(
    uow: UnitOfWork,
    log: Log,
    signer: Signer,
    action: str,
    actor: str,
    proof: Mapping[str, str],
) -> int:
    details = {"public_key": _text(signer.public_key), "key_id": signer.key_id, **proof}
    seq = log.append(Event(action=action, actor=actor, resource="key:audit", details=details))
    await checkpoints.put_key(uow.raw, SigningKey(seq, signer.key_id, signer.public_key))
    return seq


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _seed(text: str) -> bytes:
    try:
        seed = base64.b64decode(text, validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ValueError("a signing key is base64 of 32 bytes")
    return seed
