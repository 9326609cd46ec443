"""Keyed hashes: the only form in which a value may leave the memory of a matcher."""

from __future__ import annotations

from hashlib import blake2b

from matchkit.errors import WeakSecret

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 64


class Hasher:
    """Keyed BLAKE2b: 64-bit tokens of values by kind, and 16-byte digests of whole records."""

    def __init__(self, secret: bytes) -> None:
        """Raises `WeakSecret` unless the secret has 16 to 64 bytes."""
        if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
            raise WeakSecret(len(secret))
        self._token = blake2b(key=secret, digest_size=8, person=b"matchkit-token")
        self._digest = blake2b(key=secret, digest_size=16, person=b"matchkit-digest")
        self._by_kind: dict[str, blake2b] = {}

    def __call__(self, kind: str, value: str) -> int:
        """The token of a value: a signed 64-bit number, as a PostgreSQL bigint holds it."""
        prepared = self._by_kind.get(kind)
        if prepared is None:
            prepared = self._by_kind[kind] = self._token.copy()
            prepared.update(f"{len(kind)}:{kind}|".encode())
        state = prepared.copy()
        state.update(value.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big", signed=True)

    def digest(self, content: bytes) -> bytes:
        """The 16-byte digest of a record's encoded features."""
        state = self._digest.copy()
        state.update(content)
        return state.digest()
