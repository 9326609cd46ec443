"""A stand-in for Facebook's Graph API: gives the body of a lead for its id.

`GET /{leadgen_id}?access_token=...`, below any version prefix, gives the lead that was put there, or else a made-up one
that is always the same for the same id. `PUT /leads/{leadgen_id}` puts a lead, `POST /failures` with
`{"status": 500, "count": 3}` makes the next fetches fail, `GET /stats` counts, `GET /readyz` answers 200. Every option
can also be given as an environment variable.
"""

import argparse
import asyncio
import json
import os
import signal
import zlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import uvloop
from servicekit.errors import ServiceError
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer, send_error

BODY_BYTES_MAX = 256 * 1024
CITIES = ("深圳", "广州", "杭州", "苏州", "成都", "武汉")
INDUSTRIES = ("精密零部件", "软件SaaS", "物流供应链", "医疗器械")
JSON = (b"content-type", b"application/json")


@dataclass
class Stats:
    """What the API was asked for."""

    fetched: int = 0
    failed_on_purpose: int = 0
    without_token: int = 0


class FakeGraphApi:
    """The API as an ASGI application.

    It answers after `delay_s`. `access_token` is the only one it takes; empty means that any will do. `leads` are the
    bodies that were put, by id.
    """

    def __init__(self, *, delay_s: float = 0.0, access_token: str = "") -> None:
        self.leads: dict[str, dict[str, Any]] = {}
        self.stats = Stats()
        self._delay_s = delay_s
        self._access_token = access_token
        self._failures: list[int] = []

    def fail(self, status: int, *, count: int) -> None:
        """Makes the next `count` fetches fail with this HTTP status."""
        self._failures = [status] * count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            status, answer = await self._answer(scope, receive)
        except ServiceError as error:
            await send_error(send, error)
            return
        except (ValueError, KeyError, TypeError):
            status, answer = 400, _error("the body is not what this address takes", code=100)
        await send_answer(send, status, json.dumps(answer, ensure_ascii=False).encode(), [JSON])

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        match scope["method"], unquote(scope["path"]).strip("/").split("/"):
            case "GET", ["readyz" | "livez"]:
                return 200, {"ready": True}
            case "GET", ["stats"]:
                return 200, dict(vars(self.stats))
            case "PUT", ["leads", leadgen_id]:
                self.leads[leadgen_id] = dict(json.loads(await read_body(receive, BODY_BYTES_MAX)))
                return 200, {"success": True}
            case "POST", ["failures"]:
                wanted = json.loads(await read_body(receive, BODY_BYTES_MAX))
                self.fail(int(wanted["status"]), count=int(wanted["count"]))
                return 200, {"success": True}
            case "GET", [*_, leadgen_id] if leadgen_id:
                return await self._fetch(leadgen_id, scope.get("query_string", b""))
            case _:
                return 404, _error("unknown path", code=2500)

    async def _fetch(self, leadgen_id: str, query: bytes) -> tuple[int, dict[str, Any]]:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if self._failures:
            self.stats.failed_on_purpose += 1
            return self._failures.pop(), _error("an unknown error occurred", code=2)
        token = parse_qs(query.decode("latin-1")).get("access_token", [""])[0]
        if not token or (self._access_token and token != self._access_token):
            self.stats.without_token += 1
            return 400, _error("invalid access token", code=190)
        self.stats.fetched += 1
        return 200, self.leads.get(leadgen_id) or made_up_lead(leadgen_id)


def made_up_lead(leadgen_id: str) -> dict[str, Any]:
    """A plausible lead, always the same for the same id; its phone is one of ten reserved for samples."""
    number = zlib.crc32(leadgen_id.encode())
    answers = {
        "full_name": f"示例客户{number % 10_000}",
        "phone_number": f"+86 138-0013-800{number % 10}",
        "email": f"sample{number % 10_000}@example.com",
        "company_name": f"示例科技{number % 10_000}有限公司",
        "city": CITIES[number % len(CITIES)],
        "industry": INDUSTRIES[number % len(INDUSTRIES)],
    }
    return {
        "created_time": "2026-01-25T05:30:00+0000",
        "id": leadgen_id,
        "field_data": [{"name": name, "values": [value]} for name, value in answers.items()],
    }


def main() -> None:
    """Serves until SIGTERM."""
    uvloop.run(_serve(_parser(os.environ).parse_args()))


async def _serve(arguments: argparse.Namespace) -> None:
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    async with AsyncExitStack() as stack:
        api = FakeGraphApi(delay_s=arguments.delay_ms / 1000, access_token=arguments.access_token)
        host = HttpHost(arguments.host, arguments.port, api)
        stack.push_async_callback(host.stop)
        await host.start()
        await told_to_end.wait()


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m leadctl.fakes.graph_api")
    parser.add_argument("--host", default=environment.get("BIND_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("HTTP_PORT", "8091"))
    parser.add_argument(
        "--delay-ms", type=float, default=environment.get("GRAPH_API_DELAY_MS", "0")
    )
    parser.add_argument("--access-token", default=environment.get("GRAPH_API_ACCESS_TOKEN", ""))
    return parser


def _error(message: str, *, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "OAuthException", "code": code}}


if __name__ == "__main__":
    main()
