"""Receipts: what proves that a reminder arrived, was read, or was opened; and the links that tell us."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

_MAC_BYTES = 16


class ReceiptKind(IntEnum):
    """What is proved; whoever read or clicked has it too."""

    DELIVERED = 1
    READ = 2
    CLICKED = 3
    UNDELIVERED = 4
    """The provider took the message and could not bring it: the next route begins."""


INTERACTIONS = (ReceiptKind.READ, ReceiptKind.CLICKED)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Something proved of one message. `source` is who says so: answer, beacon or carrier."""

    send_id: UUID
    kind: ReceiptKind
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class CarrierReceipt:
    """What a carrier says of a message that it was given: by our reference, else by its own id."""

    our_reference: UUID | None
    message_id: str
    is_delivered: bool
    code: str
    at: datetime


class Beacons:
    """Links that say who opened what: a message's id and a MAC of it, so that nobody can make one up.

    `key` is 32 bytes; `base_url` is where notification's HTTP door is reached from outside.
    """

    def __init__(self, key: bytes, base_url: str) -> None:
        self._key = hmac.digest(key, b"notification/beacons", "sha256")
        self._base_url = base_url.rstrip("/")

    def click_url(self, send_id: UUID) -> str:
        """The link in a message; empty where there is no door to come back to."""
        return f"{self._base_url}/r/{self.token(send_id)}" if self._base_url else ""

    def pixel_url(self, send_id: UUID) -> str:
        """The picture in a mail; empty where there is no door to come back to."""
        return f"{self._base_url}/o/{self.token(send_id)}" if self._base_url else ""

    def token(self, send_id: UUID) -> str:
        """43 characters that stand for one message."""
        raw = send_id.bytes + self._mac(send_id.bytes)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def opened(self, token: str) -> UUID | None:
        """The message that a token stands for; None for one that is not ours."""
        try:
            raw = base64.b64decode(token + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        send_id, mac = raw[:16], raw[16:]
        if len(raw) != 16 + _MAC_BYTES or not hmac.compare_digest(mac, self._mac(send_id)):
            return None
        return UUID(bytes=send_id)

    def _mac(self, send_id: bytes) -> bytes:
        return hmac.digest(self._key, send_id, "sha256")[:_MAC_BYTES]
