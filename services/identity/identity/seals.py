"""How identity seals what people are known by, and the keyed digests by which it finds them again.

Every sealed value is bound to the keyed digest of what it belongs to, so that it does not open in another row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from matchkit.model import Hasher
from servicekit.sealing import BlindIndex

from identity.domain.statements import LEADS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matchkit.model import Features, Model
    from servicekit.sealing import KeyRing

DIGEST_BYTES = 16
KEY_CONTEXT = b"identity/source_key"


class Seals:
    """Seals with the ring's active key, opens with any; errors are those of `servicekit.sealing`.

    `key_digest` is a source's (`Digests.of_source`), `digest` a record's.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal_fields(self, key_digest: bytes, fields: Mapping[str, str]) -> bytes:
        """A statement's fields as `statements.sealed_fields` keeps them: equal fields, equal text."""
        return self.seal_text(key_digest, canonical(fields))

    def seal_text(self, key_digest: bytes, text: bytes) -> bytes:
        """Fields that are in their one text already (`canonical`), as `seal_fields` seals them."""
        return self._ring.seal(text, key_digest)

    def open_fields(self, key_digest: bytes, sealed: bytes) -> dict[str, str]:
        """What `seal_fields` sealed."""
        return msgspec.json.decode(self._ring.open(sealed, key_digest), type=dict[str, str])

    def seal_features(self, digest: bytes, features: Features, model: Model) -> bytes:
        """A record's features as `records.sealed_features` keeps them."""
        return self._ring.seal(model.encode(features), digest)

    def open_features(self, digest: bytes, sealed: bytes, model: Model) -> Features:
        """What `seal_features` sealed; raises `ModelInvalid` when it was for another list of fields."""
        return model.decode(self._ring.open(sealed, digest))

    def seal_key(self, key_digest: bytes, source_key: str) -> bytes:
        """A source's key as `sources.sealed_key` keeps it."""
        return self._ring.seal(source_key.encode(), KEY_CONTEXT + key_digest)

    def open_key(self, key_digest: bytes, sealed: bytes) -> str:
        """What `seal_key` sealed; a lead's key is its id and is not sealed."""
        if not sealed:
            return str(UUID(bytes=key_digest))
        return self._ring.open(sealed, KEY_CONTEXT + key_digest).decode()


class Digests:
    """Keyed digests: nothing can be looked for without the key, which must not change while they are in use.

    `index_key` is base64 of 32 bytes. `hasher` is that of the matching engine: tokens of keys and identifiers, as in
    `record_keys.key`, and digests of features. Raises `servicekit.sealing.InvalidKey`.
    """

    def __init__(self, index_key: str) -> None:
        self._sources = BlindIndex.parse(index_key, "identity/source_key")
        self.hasher = Hasher(BlindIndex.parse(index_key, "identity/matching").of("secret"))

    def of_source(self, system: str, source_key: str) -> bytes:
        """16 bytes that stand for a row of a system; a lead's are those of its id, which says nothing.

        Raises ValueError for a lead's key that is no UUID.
        """
        if system == LEADS:
            return UUID(source_key).bytes
        return self._sources.of(f"{len(system)}:{system}|{source_key}")[:DIGEST_BYTES]

    def of_lonely(self, digest: bytes, key_digest: bytes) -> bytes:
        """The digest of a record that no other source may share, since nothing in it names one person."""
        return self.hasher.digest(digest + key_digest)


def canonical(fields: Mapping[str, str]) -> bytes:
    """The one text of these fields: JSON, sorted, without blanks, empty ones left out, in UTF-8."""
    kept = {name: value for name, value in sorted(fields.items()) if value}
    try:
        return msgspec.json.encode(kept)
    except UnicodeEncodeError:
        whole = {name: value.encode("utf-8", "replace").decode() for name, value in kept.items()}
        return msgspec.json.encode(whole)
