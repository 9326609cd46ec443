"""What every vendor's list of leads has in common, so that one reconciler can compare them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime, timedelta

    from lead_intake.accounts import Secrets

PAGES_MAX = 1000
"""More pages than any window can have; a vendor whose pages never end is stopped here."""


class Window(NamedTuple):
    """A span of time of the sender's own clock, both ends included."""

    since: datetime
    until: datetime


class PulledLead(NamedTuple):
    """One lead of a list: the id by which the channel knows it, and a body as the channel would have pushed it."""

    external_id: str
    body: bytes


class Puller(Protocol):
    """Lists what a vendor has."""

    window_max: timedelta
    """The longest window that may be asked for at once."""

    def can_pull(self, secrets: Secrets) -> bool:
        """Whether an account holds what it takes to ask."""

    def pages(self, secrets: Secrets, window: Window) -> AsyncIterator[list[PulledLead]]:
        """The leads of a window, a page at a time; raises `VendorFailed`."""
