"""Signed checkpoints: reading their notes, and which key has to have signed them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from auditor.findings import Finding, Incomplete, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DASH = "\N{EM DASH} "
ED25519 = b"\x01"
Keys = dict[str, set[bytes]]
"""Public keys by the name under which they sign."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note states; `lines` are its signatures, name and bytes."""

    origin: str
    size: int
    root: bytes
    chain_hash: bytes
    text: str
    lines: tuple[tuple[str, bytes], ...]

    def is_signed_by(self, name: str, public_key: bytes) -> bool:
        """Whether one of the signatures is that of a name with a key."""
        start = key_id(name, public_key)
        return any(
            line_name == name
            and signature.startswith(start)
            and is_signature(public_key, signature[4:], self.text.encode())
            for line_name, signature in self.lines
        )


def read(note: str) -> Checkpoint:
    """The checkpoint of a note; raises ValueError for anything else."""
    text, blank, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 4 or not lines[3].startswith("chain "):
        raise ValueError("not a checkpoint")
    origin, size, root, chain_hash = lines
    return Checkpoint(
        origin,
        int(size),
        _decoded(root),
        _decoded(chain_hash.removeprefix("chain ")),
        f"{text}\n",
        tuple(_line(line) for line in signatures.splitlines() if line),
    )


def read_keys(lines: Iterable[str]) -> Keys:
    """Keys in the form name+id+base64, one a line; raises `Incomplete` for anything else."""
    keys: Keys = {}
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        try:
            name, _, encoded = line.split("+", 2)
            value = _decoded(encoded)
        except ValueError:
            raise Incomplete("a key of the keys file cannot be read") from None
        if value[:1] != ED25519 or len(value) != 33:
            raise Incomplete("a key of the keys file is no Ed25519 key")
        keys.setdefault(name, set()).add(value[1:])
    return keys


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that name a key in a signature."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def is_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class KeyHistory:
    """Which key signs from which entry on, as the log states it and each key vouches for the next."""

    def __init__(self, origin: str, trusted: Mapping[str, set[bytes]]) -> None:
        self._origin = origin
        self._trusted = trusted.get(origin, set())
        self._since: list[tuple[int, bytes]] = []
        self.findings: list[Finding] = []

    @property
    def is_trusted(self) -> bool:
        """Whether the first key was known from elsewhere than the log."""
        return bool(self._trusted)

    def take(self, seq: int, stated: dict[str, Any]) -> None:
        """One entry about a key."""
        try:
            public_key = _decoded(stated["public_key"])
            is_vouched_for = self._is_vouched_for(stated, public_key)
        except (KeyError, ValueError, TypeError, AttributeError):
            is_vouched_for, public_key = False, b""
        if not is_vouched_for:
            self.findings.append(Finding(seq, Kind.RESIGNED, "key", "nobody vouches for this key"))
            return
        self._since.append((seq, public_key))

    def in_force(self, size: int) -> bytes | None:
        """The key that signs a log of this size."""
        return next((key for seq, key in reversed(self._since) if seq <= size), None)

    def _is_vouched_for(self, stated: dict[str, Any], public_key: bytes) -> bool:
        if not self._since:
            return not self._trusted or public_key in self._trusted
        if stated["action"] != "signing_key_rotated":
            return False
        current = self._since[-1][1]
        encoded = base64.b64encode(public_key).decode()
        statement = f"{self._origin} next key {encoded}\n".encode()
        is_next = _decoded(stated["previous_key"]) == current
        return is_next and is_signature(current, _decoded(stated["signature"]), statement)


def _line(line: str) -> tuple[str, bytes]:
    name, _, signature = line.removeprefix(DASH).rpartition(" ")
    if not line.startswith(DASH) or not name:
        raise ValueError("not a signature line")
    return name, _decoded(signature)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
