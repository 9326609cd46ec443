"""Keyed hashes: the only form in which a value may leave the memory of a matcher."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

from matchkit.errors import WeakSecret

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 64

_as_number = Struct(">q").unpack


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
        return self.tokens(kind, (value,))[0]

    def tokens(self, kind: str, values: Iterable[str]) -> list[int]:
        """The tokens of several values of one kind."""
        copy = (self._by_kind.get(kind) or self._prepared(kind)).copy
        found = []
        for value in values:
            state = copy()
            state.update(value.encode("utf-8", "surrogatepass"))
            found.append(_as_number(state.digest())[0])
        return found

    def digest(self, content: bytes) -> bytes:
        """The 16-byte digest of a record's encoded features."""
        state = self._digest.copy()
        state.update(content)
        return state.digest()

    def _prepared(self, kind: str) -> blake2b:
        prepared = self._by_kind[kind] = self._token.copy()
        prepared.update(f"{len(kind)}:{kind}|".encode())
        return prepared
