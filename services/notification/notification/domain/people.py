"""Who gets reminders: a person or a group, their addresses, and the devices they are at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

from notification.domain.addresses import Device

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification.domain.addresses import Address
    from notification.domain.kinds import RouteStep

RECIPIENTS_MAX = 10_000
RECIPIENT_ID_CHARS_MAX = 100
ADDRESSES_MAX = 20
ONLINE_FOR = timedelta(minutes=5)
"""How long a device that said it is online counts as such without saying so again (AS-09)."""


class BadRecipientId(Invalid):
    """A recipient id that is empty or longer than 100 characters."""


class TooManyRecipients(Invalid):
    """More recipients than one request may hold."""


class Standing(Enum):
    """Whether somebody works here, as permissions states it; unknown people are taken to."""

    ACTIVE = "active"
    FROZEN = "suspended"
    DEPARTED = "departed"


@dataclass(frozen=True, slots=True)
class Presence:
    """What a device last said of itself."""

    is_online: bool
    seen_at: datetime

    def is_reachable(self, *, now: datetime) -> bool:
        """Whether a push to the device has a chance of being seen."""
        return self.is_online and now - self.seen_at <= ONLINE_FOR


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a group, with every address that is in use. `locale` is zh or en; `zone` may be empty."""

    recipient_id: str
    addresses: Sequence[Address] = ()
    locale: str = "zh"
    zone: str = ""
    presences: Mapping[Device, Presence] = field(default_factory=dict)

    def usable(self, step: RouteStep, *, now: datetime) -> list[Address]:
        """The addresses that a route step uses now; empty when none can be used.

        Of `first_of`, the device that was active last comes first, then what is no push to a device, in the policy's
        order. A device that is offline is left out; one of which nothing was ever heard is not known to be.
        """
        fitting = [a for medium in step.media for a in self.addresses if a.medium is medium]
        awake = [address for address in fitting if self._is_awake(address, now)]
        if step.choice == "all_of":
            return awake
        return sorted(awake, key=lambda address: self._rest_s(address, now))[:1]

    def is_offline(self, *, now: datetime) -> bool:
        """Whether the person's devices were heard of, and none is online."""
        known = self.presences.values()
        return bool(known) and not any(each.is_reachable(now=now) for each in known)

    def _is_awake(self, address: Address, now: datetime) -> bool:
        if address.device is Device.NONE or not self.presences:
            return True
        presence = self.presences.get(address.device)
        return presence is not None and presence.is_reachable(now=now)

    def _rest_s(self, address: Address, now: datetime) -> float:
        """Seconds since the device was active; infinite where there is none, so that the policy's order decides."""
        presence = self.presences.get(address.device)
        return (now - presence.seen_at).total_seconds() if presence else float("inf")


def checked_recipient_id(recipient_id: str) -> str:
    """The id if a recipient can have it; raises `BadRecipientId`."""
    if not 0 < len(recipient_id) <= RECIPIENT_ID_CHARS_MAX:
        raise BadRecipientId("a recipient id has 1 to 100 characters")
    return recipient_id
