"""Seals fields that hold personal data and indexes them without revealing them.

Hidden decision: the sealed format. `version (1 byte) | key id length (1) | key id | nonce (12) |
AES-256-GCM ciphertext and tag`; the header and the caller's context are authenticated, so a value
moved to another row, column or key does not open. Random 96-bit nonces keep one key safe for 2^32
values; rotate before that by putting a new key first in the ring.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID_CHARS_MAX = 32


class SealingError(Exception):
    """A field cannot be sealed or opened; never carries the field's text or key material."""


class InvalidKey(SealingError):  # noqa: N818 - errors are named by what is wrong
    """A key is missing, has a bad id, or is not 32 bytes in base64."""


class UnknownKey(SealingError):  # noqa: N818 - errors are named by what is wrong
    """The value was sealed with a key that is not in the ring."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id!r} in the ring")
        self.key_id = key_id


class NotSealed(SealingError):  # noqa: N818 - errors are named by what is wrong
    """The bytes are not of the sealed format: too short, or of another version."""


class SealBroken(SealingError):  # noqa: N818 - errors are named by what is wrong
    """The value was changed, or belongs to another context than the one given."""


class KeyRing:
    """Keys by id, the active one first; seals with the active key and opens with any.

    Raises `InvalidKey` when empty or when a key is not 32 bytes.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise InvalidKey("a key ring needs at least one key")
        for key_id, key in keys.items():
            _check_key(key_id, key)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._active_id = next(iter(keys))
        self._active = self._ciphers[self._active_id]
        self._header = _header(self._active_id)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """A ring from `id:base64,id:base64`, first active; raises `InvalidKey` otherwise."""
        keys: dict[str, bytes] = {}
        for entry in text.split(","):
            key_id, _, encoded = entry.strip().partition(":")
            if key_id in keys:
                raise InvalidKey("a key id appears twice")
            keys[key_id] = _decoded_key(key_id, encoded)
        return cls(keys)

    @property
    def active_id(self) -> str:
        """The id of the key that seals new values."""
        return self._active_id

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """The sealed plaintext; it opens only with the same `context` (say table, column, row)."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._active.encrypt(nonce, plaintext, self._header + context)
        return b"".join((self._header, nonce, ciphertext))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plaintext; raises `NotSealed`, `UnknownKey` or `SealBroken` and reveals nothing."""
        header, key_id = _parsed_header(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(key_id)
        nonce_end = len(header) + _NONCE_BYTES
        try:
            return cipher.decrypt(
                sealed[len(header) : nonce_end], sealed[nonce_end:], header + context
            )
        except InvalidTag:
            raise SealBroken("the sealed value does not match its context") from None


class BlindIndex:
    """Equal values give equal keyed digests: a sealed field is matched without opening it.

    `purpose` separates domains: the same phone under two purposes gives unrelated digests. Raises
    `InvalidKey` for a key that is not 32 bytes.
    """

    def __init__(self, key: bytes, purpose: str) -> None:
        _check_key("index", key)
        if not purpose:
            raise InvalidKey("a blind index needs a purpose")
        self._key = hmac.digest(key, b"blind-index/1/" + purpose.encode(), "sha256")

    @classmethod
    def parse(cls, text: str, purpose: str) -> "BlindIndex":
        """An index from a key in base64; raises `InvalidKey`."""
        return cls(_decoded_key("index", text), purpose)

    def of(self, normalised: str) -> bytes:
        """The 32-byte HMAC-SHA256 of a value that the caller has normalised already."""
        return hmac.digest(self._key, normalised.encode(), "sha256")


def _check_key(key_id: str, key: bytes) -> None:
    if not (key_id.isascii() and key_id.isprintable() and 0 < len(key_id) <= _KEY_ID_CHARS_MAX):
        raise InvalidKey("a key id is 1 to 32 printable ASCII characters")
    if len(key) != _KEY_BYTES:
        raise InvalidKey(f"key {key_id!r} is not {_KEY_BYTES} bytes")


def _decoded_key(key_id: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey(f"key {key_id!r} is not base64") from None


def _header(key_id: str) -> bytes:
    return bytes((_VERSION, len(key_id))) + key_id.encode("ascii")


def _parsed_header(sealed: bytes) -> tuple[bytes, str]:
    if len(sealed) < 2 or sealed[0] != _VERSION:
        raise NotSealed("not a sealed value of version 1")
    header = bytes(sealed[: 2 + sealed[1]])
    if len(sealed) < len(header) + _NONCE_BYTES + _TAG_BYTES or not header.isascii():
        raise NotSealed("a sealed value that was cut short")
    return header, header[2:].decode("ascii")
