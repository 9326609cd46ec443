"""A stand-in for AMap's distance measurement: many origins, one destination, refusals with status 200 in the body."""

import asyncio
import json
from dataclasses import dataclass, field
from math import hypot
from urllib.parse import parse_qsl

from servicekit.http_host import Receive, Scope, Send, send_answer

PATH = "/v3/distance"
ORIGINS_MAX = 100
M_PER_DEGREE = 111_000
JSON = (b"content-type", b"application/json")
OK, INVALID_KEY, TOO_OFTEN, INVALID_PARAMETERS = "10000", "10001", "10021", "20000"
NO_ROAD = "1"
"""The code of a single way that no road leads along."""


@dataclass
class FakeRoadTraffic:
    """The API as an ASGI application, whose roads are straight and driven at `m_per_s`.

    `codes` are those with which the next questions are refused, `statuses` the HTTP statuses. Every answer waits
    `delay_s`. To `cut_off` destinations (as texts) no road leads. `per_second` is how often it may be asked; 0 for as
    often as one likes.
    """

    key: str = "traffic-key"
    m_per_s: float = 10.0
    delay_s: float = 0.0
    per_second: int = 0
    codes: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    cut_off: set[str] = field(default_factory=set)
    destinations: list[str] = field(default_factory=list)
    refused_count: int = 0
    _asked_at_s: list[float] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers one question."""
        query = dict(parse_qsl(scope.get("query_string", b"").decode()))
        status = self.statuses.pop(0) if self.statuses else 200
        if scope["path"] != PATH or status != 200:
            self.refused_count += 1
            await send_answer(send, status if scope["path"] == PATH else 404, b"")
            return
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        code = self.codes.pop(0) if self.codes else self._problem(query)
        document = self._refused(code) if code else self._told(query)
        await send_answer(send, 200, json.dumps(document).encode(), [JSON])

    def _problem(self, query: dict[str, str]) -> str:
        """The code with which a question is refused; empty when it is not."""
        now_s = asyncio.get_running_loop().time()
        self._asked_at_s = [at for at in self._asked_at_s if at > now_s - 1] + [now_s]
        if query.get("key") != self.key:
            return INVALID_KEY
        if self.per_second and len(self._asked_at_s) > self.per_second:
            return TOO_OFTEN
        origins = query.get("origins", "").split("|")
        is_good = len(origins) <= ORIGINS_MAX and query.get("destination") and query["type"] == "1"
        return "" if is_good else INVALID_PARAMETERS

    def _refused(self, code: str) -> dict[str, object]:
        self.refused_count += 1
        return {"status": "0", "info": "REFUSED", "infocode": code}

    def _told(self, query: dict[str, str]) -> dict[str, object]:
        destination = query["destination"]
        self.destinations.append(destination)
        results = [
            {"origin_id": str(number), "dest_id": "1", **self._way(origin, destination)}
            for number, origin in enumerate(query["origins"].split("|"), start=1)
        ]
        return {
            "status": "1",
            "info": "OK",
            "infocode": OK,
            "count": str(len(results)),
            "results": results,
        }

    def _way(self, origin: str, destination: str) -> dict[str, str]:
        if destination in self.cut_off:
            return {"distance": "0", "info": "NO_ROADS_NEARBY", "code": NO_ROAD}
        (x, y), (to_x, to_y) = (map(float, point.split(",")) for point in (origin, destination))
        m = hypot(x - to_x, y - to_y) * M_PER_DEGREE
        return {"distance": str(round(m)), "duration": str(round(m / self.m_per_s))}
