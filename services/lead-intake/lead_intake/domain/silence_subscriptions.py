"""Whether a sender still sends to us, judged from what it says of our subscription."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class SubscriptionState(IntEnum):
    """How a subscription stands."""

    NOT_ASKED = 0
    FOUND = 1
    LOST = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """How a subscription was found; `reason` is a short code of what is wrong."""

    state: SubscriptionState
    reason: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether the sender does not send to us."""
        return self.state is SubscriptionState.LOST


@dataclass(frozen=True, slots=True)
class AppSubscription:
    """One subscription of an app as Facebook tells it."""

    kind: str
    callback_url: str
    is_active: bool
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class PageSubscription:
    """One app that gets a page's events, as Facebook tells it."""

    app_id: str
    fields: frozenset[str]


FOUND = Finding(SubscriptionState.FOUND)


def judge_page(
    app_id: str,
    field: str,
    subscriptions: Sequence[AppSubscription],
    apps: Sequence[PageSubscription],
    *,
    is_ours: Callable[[str], bool],
) -> Finding:
    """Whether changes of `field` of a page come to us; `is_ours` knows our callback URLs.

    Both must hold: the app is subscribed to pages and calls us, and the page lets the app have the field.
    """
    of_pages = [each for each in subscriptions if each.kind == "page"]
    if not of_pages:
        return _lost("not_subscribed")
    calling = [each for each in of_pages if is_ours(each.callback_url)]
    if not calling:
        return _lost("callback_elsewhere")
    active = [each for each in calling if each.is_active]
    if not active:
        return _lost("inactive")
    if not any(field in each.fields for each in active):
        return _lost("field_missing")
    ours = [each for each in apps if each.app_id == app_id]
    if not ours:
        return _lost("page_not_subscribed")
    return FOUND if field in ours[0].fields else _lost("field_missing")


def _lost(reason: str) -> Finding:
    return Finding(SubscriptionState.LOST, reason)
