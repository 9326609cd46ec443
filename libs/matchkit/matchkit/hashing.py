"""Keyed hashes: the only form in which a value may leave the memory of a matcher."""

from __future__ import annotations

from hashlib import blake2b
from struct import unpack
from typing import TYPE_CHECKING

from matchkit.errors import WeakSecret

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 64


class Hasher:
    """Keyed BLAKE2b: 64-bit tokens of values by kind, and 16-byte digests of whole records."""

    def __init__(self, secret: bytes) -> None:
        """Raises `WeakSecret` unless the secret has 16 to 64 bytes."""
        if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
            raise WeakSecret(len(secret))
        self._token = blake2b(key=secret, digest_size=8, person=b"matchkit-token")
        self._digest = blake2b(key=secret, digest_size=16, person=b"matchkit-digest")
        self._by_kind = _ByKind(self._token)

    def __call__(self, kind: str, value: str) -> int:
        """The token of a value: a signed 64-bit number, as a PostgreSQL bigint holds it."""
        return self.tokens(kind, (value,))[0]

    def tokens(self, kind: str, values: Iterable[str]) -> list[int]:
        """The tokens of several values of one kind."""
        return list(self.tokens_of([(kind, value) for value in values]))

    def tokens_of(self, values: Iterable[tuple[str, str]]) -> tuple[int, ...]:
        """The tokens of several values, each given with its kind, in their order."""
        by_kind, digests = self._by_kind, []
        for kind, value in values:
            state = by_kind[kind].copy()
            try:
                state.update(value.encode())
            except UnicodeEncodeError:
                state.update(value.encode("utf-8", "surrogatepass"))
            digests.append(state.digest())
        return unpack(f">{len(digests)}q", b"".join(digests))

    def digest(self, content: bytes) -> bytes:
        """The 16-byte digest of a record's encoded features."""
        state = self._digest.copy()
        state.update(content)
        return state.digest()


class _ByKind(dict[str, blake2b]):
    """What has hashed the name of a kind, and goes on from there with each value of it."""

    def __init__(self, empty: blake2b) -> None:
        super().__init__()
        self._empty = empty

    def __missing__(self, kind: str) -> blake2b:
        self[kind] = prepared = self._empty.copy()
        prepared.update(f"{len(kind)}:{kind}|".encode())
        return prepared
