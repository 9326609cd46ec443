"""What a reminder says, whom it reaches, and what becomes of it after a try (AS-12)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID
    from zoneinfo import ZoneInfo

RETRY_DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds until the next try after each failed one; after the last the reminder is given up."""

BUNDLE_SIZE_MAX = 50
"""Reminders in one webhook: a burst is one message, not fifty."""

RECIPIENTS_MAX = 10_000
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
URL_CHARS_MAX = 2000
RECIPIENT_ID_CHARS_MAX = 100
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every Standard Webhooks secret begins

FIRST_ACTIONS_ZH = {
    "book_demo": "预约演示",
    "download_whitepaper": "下载白皮书",
    "request_quote": "填写报价单",
    "add_wechat": "加微信",
}
"""The first actions (首触动作, IN-10) as people say them; others are shown as they came."""


class Kind(IntEnum):
    """What a reminder is about; the numbers of the contract's `ReminderKind`."""

    LEAD_ASSIGNED = 1
    CONTACT_OVERDUE = 2


class State(IntEnum):
    """Where a reminder stands."""

    DUE = 1
    DELIVERED = 2
    FAILED = 3


class Reason(Enum):
    """Why nobody took a reminder."""

    NO_RECIPIENT = "no_recipient"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"


class UnsafeUrl(Invalid):
    """A webhook address that reminders may not be posted to; the text says why, never the address."""


class BadRecipientId(Invalid):
    """A recipient id that is empty or longer than 100 characters."""


class BadSecret(Invalid):
    """A webhook secret that is not `whsec_` and base64 of 24 to 64 bytes."""


class TooManyRecipients(Invalid):
    """More recipients than one request may hold."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a person's reminders go, and the key that proves they are ours."""

    recipient_id: str
    webhook_url: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder about one lead. `card` is its JSON text, ready to be sent; it names no customer.

    `traceparent` is the W3C context of the event that called for it.
    """

    reminder_id: UUID
    lead_id: UUID
    recipient_id: str
    kind: Kind
    assignment_no: int
    card: bytes
    channel: str
    received_at: datetime
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Reminders for one recipient that leave as one webhook, under the same id at every try."""

    webhook_id: UUID
    recipient_id: str
    attempt_count: int
    reminders: Sequence[Reminder]


@dataclass(frozen=True, slots=True)
class Taken:
    """The recipient's system answered 2xx."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The recipient's system did not take a bundle. `gone` means that it never will again (410)."""

    at: datetime
    reason: Reason
    detail: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No webhook is configured for the recipient."""

    at: datetime


Answer = Taken | NotTaken | Nowhere


@dataclass(frozen=True, slots=True)
class Delivered:
    """The reminders were taken."""

    attempt_count: int


@dataclass(frozen=True, slots=True)
class Postponed:
    """The reminders will be tried again."""

    attempt_count: int
    next_attempt_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The reminders are given up."""

    attempt_count: int
    reason: Reason
    error: str


Verdict = Delivered | Postponed | Failed


def verdict(answer: Answer, *, attempt_count: int, delays_s: Sequence[float]) -> Verdict:
    """What becomes of a bundle that had been tried `attempt_count` times before this answer."""
    match answer:
        case Taken():
            return Delivered(attempt_count + 1)
        case Nowhere():
            return Failed(attempt_count, Reason.NO_RECIPIENT, Reason.NO_RECIPIENT.value)
        case NotTaken(gone=False) if attempt_count < len(delays_s):
            next_at = answer.at + timedelta(seconds=delays_s[attempt_count])
            return Postponed(attempt_count + 1, next_at, answer.detail)
        case NotTaken():
            return Failed(attempt_count + 1, answer.reason, answer.detail)


def checked_recipient_id(recipient_id: str) -> str:
    """The id if a recipient can have it; raises `BadRecipientId`."""
    if not 0 < len(recipient_id) <= RECIPIENT_ID_CHARS_MAX:
        raise BadRecipientId("a recipient id has 1 to 100 characters")
    return recipient_id


def checked_url(url: str, *, allow_loopback_http: bool) -> str:
    """The address if reminders may be posted to it; raises `UnsafeUrl`.

    https to a host, or http to this machine where `allow_loopback_http`. No user info, no fragment, and no literal
    address that is link-local (cloud metadata), unspecified, multicast, or loopback without the permission.
    """
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise UnsafeUrl("a webhook address is printable ASCII of at most 2,000 characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UnsafeUrl("the webhook address cannot be read") from None
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise UnsafeUrl("a webhook address has a host, and neither user nor fragment")
    local = is_loopback(host)
    if local and not allow_loopback_http:
        raise UnsafeUrl("a webhook address may not be on this machine")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise UnsafeUrl("a webhook address begins with https")
    if not local and not is_public(host):
        raise UnsafeUrl("a webhook address may not be link-local, unspecified or multicast")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _literal(host)
    return address is not None and address.is_loopback


def is_public(host: str) -> bool:
    """Whether a literal address is one that reminders may go to; true for names, which are resolved later."""
    address = _literal(host)
    if address is None:
        return True
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def parsed_secret(text: str) -> bytes:
    """The key in a Standard Webhooks secret; raises `BadSecret`."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise BadSecret("a webhook secret is whsec_ and base64 of 24 to 64 bytes")
    return key


@dataclass(frozen=True, slots=True)
class LeadCard:
    """What the owner of a new lead is told; `phone_display` is masked."""

    region: str
    industry: str
    phone_display: str
    first_action: str
    contact_due_at: datetime

    def text_zh(self, zone: ZoneInfo) -> str:
        """The reminder in Chinese, times in `zone`."""
        action = FIRST_ACTIONS_ZH.get(self.first_action, self.first_action)
        what = " ".join(filter(None, (self.region, self.industry)))
        facts = [
            f"新线索：{what}" if what else "新线索",  # noqa: RUF001 - Chinese
            f"电话 {self.phone_display}" if self.phone_display else "",
            f"首触动作 {action}" if action else "",
            f"请在 {clock(self.contact_due_at, zone)} 前联系",
        ]
        return "，".join(filter(None, facts))  # noqa: RUF001 - Chinese

    def text_en(self, zone: ZoneInfo) -> str:
        """The reminder in English, times in `zone`."""
        what = " ".join(filter(None, (self.region, self.industry)))
        facts = [
            f"New lead: {what}" if what else "New lead",
            f"phone {self.phone_display}" if self.phone_display else "",
            f"first action {self.first_action}" if self.first_action else "",
            f"make contact by {clock(self.contact_due_at, zone)}",
        ]
        return ", ".join(filter(None, facts))


@dataclass(frozen=True, slots=True)
class OverdueCard:
    """What the manager of a rep who let a lead run out is told (AS-03)."""

    assignee_id: str
    next_assignee_id: str
    due_at: datetime

    def text_zh(self, zone: ZoneInfo) -> str:
        """The notice in Chinese, times in `zone`."""
        then = f"已转给 {self.next_assignee_id}" if self.next_assignee_id else "尚无人接手"
        return f"{self.assignee_id} 未在 {clock(self.due_at, zone)} 前联系线索，{then}"  # noqa: RUF001 - Chinese

    def text_en(self, zone: ZoneInfo) -> str:
        """The notice in English, times in `zone`."""
        then = f"{self.next_assignee_id} has it now" if self.next_assignee_id else "nobody took it"
        return f"{self.assignee_id} made no contact by {clock(self.due_at, zone)}; {then}"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """A time as people of `zone` say it, such as 02-07 14:05."""
    local = at.astimezone(zone)
    return f"{local.month:02d}-{local.day:02d} {local.hour:02d}:{local.minute:02d}"


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
