"""A traffic source: how long the ways between places take by road.

The API is that of AMap's distance measurement (`/v3/distance`): many origins, one destination, coordinates in GCJ-02,
status and codes in the body. What it does not tell of, or not in time, is estimated as the crow flies, and said so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from servicekit.retry_schedule import next_delay_s

from engagement.clients.calls import Call, NotAnswered
from engagement.domain.places import gcj02
from engagement.domain.visits import Ways, crow_ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engagement.clients.calls import HttpCalls
    from engagement.domain.places import Place
    from engagement.domain.visits import VisitPolicy

PATH = "/v3/distance"
BY_CAR = "1"
DEADLINE_S = 8.0
"""For all ways of a day together."""
CALLS_AT_ONCE = 3
"""What AMap lets a new key ask in a second."""
RETRY_DELAYS_S = (0.4, 1.2)
WAY_S_MAX = 24 * 3600
_THROTTLED = frozenset({"10004", "10014", "10015", "10019", "10020", "10021", "10029"})
"""Codes of having asked too often within a second or a minute; those of a spent day are no use to try again."""


class RoadTraffic:
    """Asks a traffic source with `key`."""

    def __init__(
        self,
        calls: HttpCalls,
        key: str,
        *,
        deadline_s: float = DEADLINE_S,
        delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    ) -> None:
        self._calls = calls
        self._key = key
        self._deadline_s = deadline_s
        self._delays_s = delays_s

    async def ways(self, places: Sequence[Place], policy: VisitPolicy) -> Ways:
        """Seconds between all places, as far as the source tells; the rest is estimated, and `fault` says why."""
        asking = _Asking(places)
        try:
            async with asyncio.timeout(self._deadline_s), asyncio.TaskGroup() as group:
                for _ in range(min(CALLS_AT_ONCE, len(places))):
                    group.create_task(self._ask_on(asking))
        except TimeoutError:
            asking.fault = asking.fault or "timeout"
        return asking.result(policy)

    async def _ask_on(self, asking: _Asking) -> None:
        """Asks for the ways to one place after the other, until all are told of or the source refuses."""
        while asking.destinations:
            destination = asking.destinations.pop()
            try:
                answer = await self._answer(asking.query(destination) | {"key": self._key})
            except NotAnswered as failure:
                asking.fault = asking.fault or failure.code
                if failure.is_permanent:
                    asking.destinations.clear()
            else:
                asking.keep(destination, answer)

    async def _answer(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        attempt = 0
        while True:
            attempt += 1
            try:
                return _told((await self._calls.ask(Call("GET", PATH, PATH, query))).document)
            except NotAnswered as failure:
                delay_s = next_delay_s(attempt, self._delays_s)
                if failure.is_permanent or delay_s is None:
                    raise
                await asyncio.sleep(max(delay_s, failure.retry_after_s))


class _Asking:
    """The ways of one day, as far as they are known. `destinations` are places that nobody has asked about yet."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._texts = [_text(gcj02(place)) for place in places]
        self._known: dict[tuple[int, int], int] = {}
        self.destinations = list(range(len(places)))
        self.fault = ""

    def query(self, destination: int) -> dict[str, str]:
        origins = "|".join(self._texts[origin] for origin in self._origins(destination))
        return {"origins": origins, "destination": self._texts[destination], "type": BY_CAR}

    def keep(self, destination: int, answer: Mapping[str, Any]) -> None:
        """Keeps what an answer tells; a way that it has no road for makes a fault."""
        told = _by_origin(answer)
        for number, origin in enumerate(self._origins(destination), start=1):
            way_s = _way_s(told.get(str(number)))
            if way_s is None:
                self.fault = self.fault or "no_road"
            else:
                self._known[origin, destination] = way_s

    def result(self, policy: VisitPolicy) -> Ways:
        """All ways, those that are not known as the crow flies."""
        crow = crow_ways(self._places, policy)
        arrive_s = round(policy.arrive.total_seconds())
        travel_s = [list(row) for row in crow.travel_s]
        for (origin, destination), way_s in self._known.items():
            travel_s[origin][destination] = way_s + arrive_s
        return Ways(travel_s, crow.estimated - self._known.keys(), self.fault)

    def _origins(self, destination: int) -> list[int]:
        return [place for place in range(len(self._places)) if place != destination]


def _told(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer whose own status is good; raises `NotAnswered`."""
    if document.get("status") == "1":
        return document
    code = str(document.get("infocode", ""))
    if code in _THROTTLED:
        raise NotAnswered("throttled")
    if not (code.isascii() and code.isdecimal() and len(code) <= 6):
        raise NotAnswered("unexpected_answer")
    raise NotAnswered(f"refused_{code}", is_permanent=True)


def _by_origin(answer: Mapping[str, Any]) -> dict[str, object]:
    """Durations as told, by the number of the origin from 1."""
    results = answer.get("results")
    found = results if isinstance(results, list) else []
    return {
        str(each.get("origin_id")): each.get("duration") for each in found if isinstance(each, dict)
    }


def _way_s(told: object) -> int | None:
    """Seconds that were told; None for what is none."""
    if not isinstance(told, str) or not (told.isascii() and told.isdecimal() and len(told) < 9):
        return None
    return way_s if (way_s := int(told)) <= WAY_S_MAX else None


def _text(place: Place) -> str:
    return f"{place.longitude:.6f},{place.latitude:.6f}"
