"""Signed notes: a text with signature lines under it, as transparency logs publish their checkpoints.

A signature line names the signer, and holds four bytes that name the key and the Ed25519 signature of the text. A
verifier key is written `name+key id+base64`. Both are the form of C2SP's signed-note.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from servicekit.errors import Invalid

ED25519 = b"\x01"
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
NAME_CHARS_MAX = 200
SIZE_DIGITS_MAX = 18
"""A log's size fits into 63 bits."""
_DASH = "\N{EM DASH} "


class MalformedNote(Invalid):
    """A text that is no signed checkpoint."""

    def __init__(self) -> None:
        super().__init__("not a signed checkpoint")


@dataclass(frozen=True, slots=True)
class Signer:
    """A name with its Ed25519 key."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "Signer":
        """The signer of a 32-byte seed; raises ValueError for another length."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that verify."""
        return self.key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """What names the key in signature lines (8 hex digits)."""
        return key_id(self.name, self.public_key).hex()

    @property
    def verifier_key(self) -> str:
        """The key as auditors are given it."""
        return verifier_key(self.name, self.public_key)

    def line(self, text: str) -> str:
        """The signature line of a text, without its end of line."""
        signature = key_id(self.name, self.public_key) + self.key.sign(text.encode())
        return f"{_DASH}{self.name} {base64.b64encode(signature).decode()}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint's note states, and its signature lines."""

    origin: str
    size: int
    root: bytes
    chain_hash: bytes
    text: str
    lines: tuple[str, ...]


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that name a key of a signer."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """A public key as auditors are given it: name, key id and key."""
    encoded = base64.b64encode(ED25519 + public_key).decode()
    return f"{name}+{key_id(name, public_key).hex()}+{encoded}"


def public_key_of(verifier_key: str) -> bytes:
    """The 32 bytes of a public key in the form in which auditors are given it; raises ValueError for another."""
    name, _, rest = verifier_key.partition("+")
    stated_id, _, encoded = rest.partition("+")
    decoded = base64.b64decode(encoded, validate=True)
    public_key = decoded.removeprefix(ED25519)
    if decoded[:1] != ED25519 or len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError("not an Ed25519 verifier key")
    if key_id(name, public_key).hex() != stated_id:
        raise ValueError("a verifier key whose id is that of another")
    return public_key


def is_line(line: str) -> bool:
    """Whether a text has the form of one signature line."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return False
    is_plain = line.isprintable() and 0 < len(name) <= NAME_CHARS_MAX
    return is_plain and f"{dash} " == _DASH and len(signature) == KEY_ID_BYTES + SIGNATURE_BYTES


def read(note: str) -> Checkpoint:
    """The checkpoint that a note states; its signatures are not checked. Raises `MalformedNote`."""
    text, blank, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 4 or not lines[3].startswith("chain "):
        raise MalformedNote
    try:
        root, chain_hash = (_decoded(part) for part in (lines[2], lines[3].removeprefix("chain ")))
        size = _size(lines[1])
    except (ValueError, binascii.Error):
        raise MalformedNote from None
    return Checkpoint(lines[0], size, root, chain_hash, f"{text}\n", tuple(signatures.splitlines()))


def is_signed(text: str, line: str, *, name: str, public_key: bytes) -> bool:
    """Whether a signature line is that of `name` with this key under `text`."""
    prefix = f"{_DASH}{name} "
    try:
        signature = base64.b64decode(line.removeprefix(prefix), validate=True)
    except (ValueError, binascii.Error):
        return False
    is_theirs = line.startswith(prefix) and signature.startswith(key_id(name, public_key))
    if not is_theirs or len(signature) != KEY_ID_BYTES + SIGNATURE_BYTES:
        return False
    return is_signature(public_key, signature[KEY_ID_BYTES:], text.encode())


def is_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a bare Ed25519 signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if len(value) != hashlib.sha256().digest_size:
        raise ValueError("not a SHA-256 hash")
    return value


def _size(text: str) -> int:
    is_short = text.isascii() and text.isdecimal() and len(text) <= SIZE_DIGITS_MAX
    if not is_short or text != str(int(text)):
        raise ValueError("not a size")
    return int(text)
