"""Receipts: what proves that a reminder arrived, was read, or was opened; and the links that tell us."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from notification.domain.media import Medium

if TYPE_CHECKING:
    from datetime import datetime

_MAC_BYTES = 16
SCANNED_WITHIN = timedelta(seconds=5)
_MACHINES = re.compile(
    r"bot\b|crawler|spider|scanner|preview|headless|proofpoint|mimecast|barracuda|trendmicro|safelinks",
    re.IGNORECASE,
)
"""What filters and previews say of themselves. The picture proxies of mail programs (GoogleImageProxy) are no filters:
they fetch when somebody reads."""


class ReceiptKind(IntEnum):
    """What is proved; whoever read or clicked has it too."""

    DELIVERED = 1
    READ = 2
    CLICKED = 3
    UNDELIVERED = 4
    """The provider took the message and could not bring it: the next route begins."""
    SCANNED = 5
    """A machine on the way opened a link or a picture: nobody has seen anything by that."""


PROOFS = (ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.CLICKED)
INTERACTIONS = (ReceiptKind.READ, ReceiptKind.CLICKED)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Something proved of one message. `source` is who says so: answer, beacon or carrier."""

    send_id: UUID
    kind: ReceiptKind
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody, or something, opened a link or a picture; `accepted_at` is when its message was taken, if it was."""

    kind: ReceiptKind
    at: datetime
    is_prefetch: bool
    user_agent: str
    medium: Medium
    accepted_at: datetime | None


def proved_by(visit: Visit) -> ReceiptKind:
    """What a visit proves.

    Nothing where it says of itself that it fetches ahead or is a machine, or where a mail is opened within 5 s of being
    taken: filters follow every link then, and look like browsers.
    """
    is_machine = visit.is_prefetch or _MACHINES.search(visit.user_agent) is not None
    if visit.medium is Medium.SMTP:
        is_machine |= visit.accepted_at is None or visit.at - visit.accepted_at < SCANNED_WITHIN
    return ReceiptKind.SCANNED if is_machine else visit.kind


@dataclass(frozen=True, slots=True)
class CarrierReceipt:
    """What a carrier says of a message of its medium that it was given: by our reference, else by its own id."""

    medium: Medium
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
