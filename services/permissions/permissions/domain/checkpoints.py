"""Checkpoints: a signed statement of the log's size, root and chain, and when one is due.

The text follows the tlog-checkpoint form of transparency logs, with the chain's hash as its extension line.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from permissions.domain.audit import AuditHead

SEALED_AFTER = timedelta(seconds=10)
"""An entry is sealed within this time."""

SEALED_ENTRIES = 1000
"""As many new entries are sealed at once."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A sealed beginning of the log. `note` is the signed text; `cosignatures` are further signature lines of it."""

    size: int
    root: bytes
    chain_hash: bytes
    key_id: str
    note: str
    sealed_at: datetime
    cosignatures: tuple[str, ...] = ()

    @property
    def full_note(self) -> str:
        """The note with everybody's signatures."""
        return self.note + "".join(f"{line}\n" for line in self.cosignatures)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public key in force from entry `seq` on; `key_id` is its short name (hex)."""

    seq: int
    key_id: str
    public_key: bytes


def origin(log_id: str) -> str:
    """The name under which a log signs."""
    return f"leadchain/permissions/{log_id}"


def statement(head: AuditHead) -> str:
    """What is signed about the log's end."""
    root, chain = (base64.b64encode(value).decode() for value in (head.peaks.root(), head.hash))
    return f"{origin(head.log_id)}\n{head.seq}\n{root}\nchain {chain}\n"


def rotation_statement(log_id: str, public_key: bytes) -> bytes:
    """What the key in force signs about the one that follows it."""
    return f"{origin(log_id)} next key {base64.b64encode(public_key).decode()}\n".encode()


def is_due(size: int, *, sealed_size: int, sealed_at: datetime | None, now: datetime) -> bool:
    """Whether a log of `size` entries has to be sealed now, after the last seal."""
    fresh = size - sealed_size
    if fresh <= 0:
        return False
    return fresh >= SEALED_ENTRIES or sealed_at is None or now - sealed_at >= SEALED_AFTER
