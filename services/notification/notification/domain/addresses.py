"""Where reminders may go: web addresses that are safe to post to, and the accounts that we send from."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servicekit.errors import Invalid

from notification.domain.media import NEEDS_ACCOUNT, ROBOT_MESSAGES_PER_MIN, ROBOTS, Medium

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
URL_CHARS_MAX = 2000
TO_CHARS_MAX = 2000
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every Standard Webhooks secret begins

ACCOUNT_KEYS: Mapping[Medium, frozenset[str]] = {
    Medium.WECOM_APP: frozenset({"corp_id", "agent_id", "secret"}),
    Medium.WECHAT_MP: frozenset({"app_id", "secret", "template_id"}),
    Medium.SMTP: frozenset({"from"}),
    Medium.ALIYUN_SMS: frozenset({"access_key_id", "access_key_secret", "sign_name", "template_code"}),
}  # fmt: skip
"""What an account must say; further keys are those in `ACCOUNT_OPTIONS`."""

ACCOUNT_OPTIONS: Mapping[Medium, frozenset[str]] = {
    Medium.SMTP: frozenset({"username", "password", "tls"}),
    Medium.WECHAT_MP: frozenset({"title_field", "text_field"}),
}

DEFAULT_URLS = {
    Medium.WECOM_APP: "https://qyapi.weixin.qq.com",
    Medium.WECHAT_MP: "https://api.weixin.qq.com",
    Medium.ALIYUN_SMS: "https://dysmsapi.aliyuncs.com",
}


class UnsafeUrl(Invalid):
    """An address that reminders may not be posted to; the text says why, never the address."""


class BadSecret(Invalid):
    """A webhook secret that is not `whsec_` and base64 of 24 to 64 bytes."""


class BadAddress(Invalid):
    """An address that its medium cannot use; the text says why, never the address."""


class BadAccount(Invalid):
    """An account whose settings its medium cannot use; the text names settings, never their values."""


class Device(Enum):
    """What a person has in front of them (AS-14); a medium that is no push to one device has none."""

    NONE = ""
    IOS = "ios"
    ANDROID = "android"
    PC = "pc"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Address:
    """One place where a person or a group gets reminders.

    `to` is what the medium calls it: a web address, user id, openid, mailbox or E.164 number. `secret` proves that a
    message is ours (webhook, robots). `account_id` is the account it is sent from, empty where none is needed.
    """

    medium: Medium
    to: str
    secret: str = ""
    account_id: str = ""
    device: Device = Device.NONE


@dataclass(frozen=True, slots=True)
class Account:
    """What we are at a provider. `messages_per_min` is what it lets us send; 0 where it names no limit."""

    account_id: str
    medium: Medium
    url: str
    settings: Mapping[str, str]
    messages_per_min: int = 0


def checked_address(address: Address, *, allow_loopback_http: bool) -> Address:
    """The address if its medium can use it; raises `BadAddress`, `UnsafeUrl` or `BadSecret`."""
    if not 0 < len(address.to) <= TO_CHARS_MAX or not address.to.isprintable():
        raise BadAddress(f"a {address.medium.value} address has 1 to 2,000 visible characters")
    if address.medium in NEEDS_ACCOUNT and not address.account_id:
        raise BadAddress(f"a {address.medium.value} address names the account it is sent from")
    if address.medium is Medium.WEBHOOK or address.medium in ROBOTS:
        checked_url(address.to, allow_loopback_http=allow_loopback_http)
    if address.medium is Medium.WEBHOOK:
        parsed_secret(address.secret)
    if address.medium is Medium.SMTP and not _is_mailbox(address.to):
        raise BadAddress("an e-mail address has one @ and no spaces")
    if address.medium is Medium.ALIYUN_SMS and not _is_phone(address.to):
        raise BadAddress("a phone number is + and 8 to 15 digits")
    return address


def checked_account(account: Account, *, allow_loopback_http: bool) -> Account:
    """The account if its medium can use it; raises `BadAccount` or `UnsafeUrl`."""
    medium = account.medium
    needed = ACCOUNT_KEYS.get(medium)
    if needed is None:
        raise BadAccount(f"{medium.value} is sent without an account")
    given = {name for name, value in account.settings.items() if value}
    missing, unknown = needed - given, given - needed - ACCOUNT_OPTIONS.get(medium, frozenset())
    if missing or unknown:
        raise BadAccount(f"{medium.value}: missing {sorted(missing)}, unknown {sorted(unknown)}")
    if medium is Medium.SMTP:
        _checked_mail_server(account, allow_loopback_http=allow_loopback_http)
    else:
        checked_url(account.url, allow_loopback_http=allow_loopback_http)
    return account


def limit_per_min(address: Address, account: Account | None) -> int:
    """How many messages a minute may go there; 0 when its provider names no limit."""
    if address.medium in ROBOTS:
        return ROBOT_MESSAGES_PER_MIN
    return account.messages_per_min if account is not None else 0


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


def _checked_mail_server(account: Account, *, allow_loopback_http: bool) -> None:
    """`smtp://host:port`; a password or a mail in the clear only to this machine."""
    parts = urlsplit(account.url)
    if parts.scheme != "smtp" or not parts.hostname:
        raise BadAccount("a mail server is smtp://host:port")
    tls = account.settings.get("tls", "starttls")
    if tls not in {"starttls", "implicit", "none"}:
        raise BadAccount("tls is starttls, implicit or none")
    if tls == "none" and not (is_loopback(parts.hostname) and allow_loopback_http):
        raise UnsafeUrl("mail leaves this machine encrypted only")


def _is_mailbox(text: str) -> bool:
    local, _, domain = text.partition("@")
    return bool(local and domain) and "@" not in domain and not any(c.isspace() for c in text)


def _is_phone(text: str) -> bool:
    digits = text.removeprefix("+")
    return (
        text.startswith("+") and digits.isascii() and digits.isdecimal() and 8 <= len(digits) <= 15
    )


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
