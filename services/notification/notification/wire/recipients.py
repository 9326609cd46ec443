"""People, accounts and devices, to and from their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from servicekit.errors import Invalid

from notification.domain.addresses import (
    DEFAULT_URLS,
    Account,
    Address,
    BadAccount,
    BadAddress,
    Device,
    checked_account,
    checked_address,
)
from notification.domain.media import NEEDS_ACCOUNT, Medium
from notification.domain.people import ADDRESSES_MAX, Person, checked_recipient_id

if TYPE_CHECKING:
    from enum import Enum

    from leadchain.notification.v1 import notification_service_pb2 as pb

    E = TypeVar("E", bound=Enum)

LOCALES = ("zh", "en")
MESSAGES_PER_MIN_MAX = 100_000


def people(request: pb.PutRecipientsRequest, *, allow_loopback_http: bool) -> list[Person]:
    """The people of a request; raises `Invalid` for the first that cannot be."""
    return [
        _person(message, allow_loopback_http=allow_loopback_http) for message in request.recipients
    ]


def accounts(request: pb.PutAccountsRequest, *, allow_loopback_http: bool) -> list[Account]:
    """The accounts of a request; raises `BadAccount` or `UnsafeUrl` for the first that cannot be."""
    found = [_account(message) for message in request.accounts]
    return [checked_account(each, allow_loopback_http=allow_loopback_http) for each in found]


def device(text: str) -> Device:
    """A device by its name; raises `Invalid`."""
    found = _member(Device, text, Invalid("a device is ios, android, pc or web"))
    if found is Device.NONE:
        raise Invalid("a device is ios, android, pc or web")
    return found


def _person(message: pb.Recipient, *, allow_loopback_http: bool) -> Person:
    if len(message.addresses) > ADDRESSES_MAX:
        raise BadAddress(f"a recipient has at most {ADDRESSES_MAX} addresses")
    given = [_address(each) for each in message.addresses]
    if message.webhook_url or not given:
        given.insert(0, Address(Medium.WEBHOOK, message.webhook_url, message.secret))
    places = {(address.medium, address.device) for address in given}
    if len(places) < len(given):
        raise BadAddress("a recipient has one address of each medium and device")
    locale = message.locale or "zh"
    if locale not in LOCALES:
        raise Invalid("a locale is zh or en")
    return Person(
        recipient_id=checked_recipient_id(message.recipient_id),
        addresses=[checked_address(a, allow_loopback_http=allow_loopback_http) for a in given],
        locale=locale,
        zone=_zone(message.time_zone),
    )


def _address(message: pb.Address) -> Address:
    medium = _medium(message.medium)
    if medium is Medium.WEBHOOK:
        raise BadAddress("a webhook is the recipient's webhook_url")
    wrong = BadAddress("a device is ios, android, pc, web or empty")
    place = _member(Device, message.device, wrong)
    return Address(medium, message.to, message.secret, message.account_id, place)


def _account(message: pb.Account) -> Account:
    medium = _medium(message.medium)
    if medium not in NEEDS_ACCOUNT:
        raise BadAccount(f"{medium.value} is sent without an account")
    if not 0 < len(message.account_id) <= 100:
        raise BadAccount("an account id has 1 to 100 characters")
    if message.messages_per_min > MESSAGES_PER_MIN_MAX:
        raise BadAccount(f"at most {MESSAGES_PER_MIN_MAX} messages a minute")
    return Account(
        account_id=message.account_id,
        medium=medium,
        url=message.url or DEFAULT_URLS.get(medium, ""),
        settings=dict(message.settings),
        messages_per_min=message.messages_per_min,
    )


def _medium(text: str) -> Medium:
    names = ", ".join(medium.value for medium in Medium)
    return _member(Medium, text, BadAddress(f"a medium is one of {names}"))


def _member(kind: type[E], text: str, wrong: Invalid) -> E:
    try:
        return kind(text)
    except ValueError:
        raise wrong from None


def _zone(name: str) -> str:
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("a time zone is an IANA name, such as Asia/Shanghai") from None
    return name
