"""How lead-intake seals and indexes what it keeps: one context for each kind of secret, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from servicekit.sealing import BlindIndex, KeyRing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from lead_intake.settings import Settings
    from lead_intake.verifiers.protocol import Envelope

_ENCODER = msgspec.msgpack.Encoder()

_KEY_CONTEXT = b"accounts.key/"
_SECRETS_CONTEXT = b"accounts.secrets/"


@dataclass(frozen=True, slots=True)
class Seals:
    """The keys of this service. `phones` is shared with every service that matches customers by phone.

    `emails` and `wechats` index the other ways to name a person, `certificates` the ids of what was deleted; digests of
    `secrets` stand for them where a change is shown.
    """

    ring: KeyRing
    phones: BlindIndex
    emails: BlindIndex
    wechats: BlindIndex
    certificates: BlindIndex
    account_keys: BlindIndex
    bodies: BlindIndex
    secrets: BlindIndex

    @classmethod
    def of(cls, settings: Settings) -> Seals:
        """The keys that the settings give; raises `servicekit.sealing.InvalidKey`."""
        index_key = settings.index_key.get_secret_value()
        return cls(
            ring=settings.key_ring(),
            phones=BlindIndex.parse(index_key, "phone"),
            emails=BlindIndex.parse(index_key, "email"),
            wechats=BlindIndex.parse(index_key, "wechat"),
            certificates=BlindIndex.parse(index_key, "lead-intake/certificate"),
            account_keys=BlindIndex.parse(index_key, "lead-intake/account-key"),
            bodies=BlindIndex.parse(index_key, "lead-intake/body"),
            secrets=BlindIndex.parse(index_key, "lead-intake/secret"),
        )

    def seal_contact(self, contact: bytes, lead_id: UUID) -> bytes:
        """A serialised contact, for the lead only."""
        return self.ring.seal(contact, lead_id.bytes)

    def seal_content(self, content: bytes, item_id: UUID) -> bytes:
        """What was said in an interaction, serialised, for its item only."""
        return self.ring.seal(content, item_id.bytes)

    def seal_delivery(self, envelope: Envelope, delivery_id: bytes) -> bytes:
        """What is kept of a delivery, for the delivery with these 16 bytes of id only."""
        return self.ring.seal(_ENCODER.encode(envelope), delivery_id)

    def open_delivery(self, sealed: bytes, delivery_id: UUID) -> bytes:
        """The encoded envelope of a stored delivery; raises `servicekit.sealing.SealingError`."""
        return self.ring.open(sealed, delivery_id.bytes)

    def body_key(self, raw: bytes) -> bytes:
        """The keyed digest by which equal bodies are known."""
        return self.bodies.of(raw.decode("latin-1"))

    def paths_key(self, values: Sequence[Any]) -> bytes:
        """The keyed digest by which deliveries are known that say the same at some paths."""
        return self.bodies.of(f"paths/{msgspec.json.encode(values).decode()}")

    def seal_key(self, key: str, channel: str, account: str) -> bytes:
        """An account key, for its account only."""
        return self.ring.seal(key.encode(), _KEY_CONTEXT + _place(channel, account))

    def open_key(self, sealed: bytes, channel: str, account: str) -> str:
        """An account's key; raises `servicekit.sealing.SealingError`."""
        return self.ring.open(sealed, _KEY_CONTEXT + _place(channel, account)).decode()

    def seal_secrets(self, secrets: bytes, channel: str, account: str) -> bytes:
        """An account's secrets, for its account only."""
        return self.ring.seal(secrets, _SECRETS_CONTEXT + _place(channel, account))

    def open_secrets(self, sealed: bytes, channel: str, account: str) -> bytes:
        """An account's secrets; raises `servicekit.sealing.SealingError`."""
        return self.ring.open(sealed, _SECRETS_CONTEXT + _place(channel, account))


def _place(channel: str, account: str) -> bytes:
    return f"{channel}/{account}".encode()
