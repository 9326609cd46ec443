"""Lookups: everything a subject may do an action to, as of one revision from the first id to the last.

A traversal that does not fit one answer goes on from a retained result. Once that is gone and the state has moved on,
it is refused: a list is never silently put together from two states, nor cut short.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from accesskit.canonical import canonical_json
from accesskit.guard import circumstances_of
from accesskit.tokens import Token

from permissions.domain.decisions import ANYTIME, PAGE_IDS_MAX, Freshness, PinnedStateGone
from permissions.queries.decisions import admit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accesskit.decisions import Circumstances
    from servicekit.auth import Caller

    from permissions.queries.live import Live

RETAINED_S = 60.0
RETAINED_RESULTS_MAX = 32
RETAINED_IDS_MAX = 2_000_000

_Key: TypeAlias = "tuple[int, str, str, str, bytes, Circumstances | None]"


class Wanted(msgspec.Struct, frozen=True):
    """Which resources a subject may do an action to; ids after `after_id`, at most `limit` (all when 0).

    `pinned` is the token of an earlier answer whose traversal goes on.
    """

    subject_id: str
    action: str
    resource_type: str
    context: dict[str, Any] | None = None
    after_id: str = ""
    limit: int = 0
    pinned: str = ""
    freshness: Freshness = ANYTIME


class WantedSubjects(msgspec.Struct, frozen=True):
    """Who may do an action to a resource, (type, id); ids after `after_id`, at most `limit` (all when 0)."""

    action: str
    resource: tuple[str, str]
    context: dict[str, Any] | None = None
    after_id: str = ""
    limit: int = 0
    freshness: Freshness = ANYTIME


class Page(msgspec.Struct, frozen=True):
    """Ids in byte order; `conditional` depend on missing context. `complete` when none follow."""

    ids: list[str]
    conditional: list[str]
    complete: bool
    token: str
    is_everything: bool = False


class Result(msgspec.Struct, frozen=True):
    """A whole lookup: `ids` in byte order, those among them that are `conditional`, and the state's token."""

    ids: list[str]
    conditional: frozenset[str]
    token: str
    is_everything: bool = False

    def pages(self, after_id: str, limit: int) -> Iterator[Page]:
        """The ids after `after_id` in pages of at most 2,000; at least one page, at most `limit` ids unless 0."""
        at = bisect_right(self.ids, after_id) if after_id else 0
        end = min(at + limit, len(self.ids)) if limit else len(self.ids)
        while True:
            upto = min(at + PAGE_IDS_MAX, end)
            yield self._page(self.ids[at:upto], complete=upto == len(self.ids))
            at = upto
            if at >= end:
                return

    def _page(self, ids: list[str], *, complete: bool) -> Page:
        conditional: list[str] = []
        if self.conditional:
            conditional = [id_ for id_ in ids if id_ in self.conditional]
            ids = [id_ for id_ in ids if id_ not in self.conditional]
        return Page(ids, conditional, complete, self.token, self.is_everything)


class Lookups:
    """Answers lookups, and retains what is being traversed: 32 results of 2,000,000 ids in all, for a minute."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._retained: OrderedDict[_Key, tuple[float, Result]] = OrderedDict()

    async def find(self, wanted: Wanted, caller: Caller | None) -> Iterator[Page]:
        """The pages; raises `PinnedStateGone`, `NotYours`, `Unavailable` or what a bad consistency token raises."""
        live = self._live
        freshness = Freshness(wanted.pinned) if wanted.pinned else wanted.freshness
        await admit(live, caller, freshness, subject_id=wanted.subject_id)
        if live.engine.principal(wanted.subject_id) is None:
            await live.catch_up()
        circumstances = None
        if caller is not None and caller.subject == wanted.subject_id:
            circumstances = circumstances_of(caller)
        result = self._pinned(wanted, circumstances) or self._look_up(wanted, circumstances)
        return result.pages(wanted.after_id, wanted.limit)

    def _pinned(self, wanted: Wanted, circumstances: Circumstances | None) -> Result | None:
        """The retained result of the pinned revision; None when the state is still of that revision, or none is."""
        if not wanted.pinned:
            return None
        revision = Token.parse(wanted.pinned, log_id=self._live.log_id).revision
        self._forget_old()
        _, result = self._retained.get(_key(revision, wanted, circumstances), (0.0, None))
        if result is None and revision != self._live.engine.revision:
            raise PinnedStateGone
        return result

    def _look_up(self, wanted: Wanted, circumstances: Circumstances | None) -> Result:
        engine = self._live.engine
        found = engine.lookup(
            wanted.subject_id,
            wanted.action,
            wanted.resource_type,
            now_s=self._live.now_s,
            context=wanted.context,
            circumstances=circumstances,
        )
        ids, conditional = list(found.ids), frozenset(found.conditional)
        if conditional:
            ids = sorted({*ids, *conditional})
        result = Result(ids, conditional, self._live.token, found.is_everything)
        if len(ids) > min(wanted.limit or PAGE_IDS_MAX, PAGE_IDS_MAX):
            self._retain(_key(engine.revision, wanted, circumstances), result)
        return result

    def _retain(self, key: _Key, result: Result) -> None:
        self._retained[key] = (self._live.now_s + RETAINED_S, result)
        self._retained.move_to_end(key)
        self._forget_old()

    def _forget_old(self) -> None:
        """Drops the oldest results while they are too old, too many, or too large together."""
        count = sum(len(result.ids) for _, result in self._retained.values())
        while self._retained:
            key, (until_s, result) = next(iter(self._retained.items()))
            is_old = until_s <= self._live.now_s
            if (
                not is_old
                and len(self._retained) <= RETAINED_RESULTS_MAX
                and count <= RETAINED_IDS_MAX
            ):
                return
            del self._retained[key]
            count -= len(result.ids)


async def find_subjects(
    live: Live, wanted: WantedSubjects, caller: Caller | None
) -> Iterator[Page]:
    """The pages of who may; raises `NotYours`, `Unavailable` or what a bad consistency token raises."""
    await admit(live, caller, wanted.freshness)
    found = live.engine.lookup_subjects(
        wanted.action, *wanted.resource, now_s=live.now_s, context=wanted.context
    )
    conditional = frozenset(found.conditional)
    result = Result(sorted({*found.ids, *conditional}), conditional, live.token)
    return result.pages(wanted.after_id, wanted.limit)


def _key(revision: int, wanted: Wanted, circumstances: Circumstances | None) -> _Key:
    context = canonical_json(wanted.context)
    return (
        revision,
        wanted.subject_id,
        wanted.action,
        wanted.resource_type,
        context,
        circumstances,
    )
