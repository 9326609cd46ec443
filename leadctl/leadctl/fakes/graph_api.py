"""A stand-in for Facebook's Graph API: gives the body of a lead for its id.

`GET /{leadgen_id}?access_token=...`, below any version prefix, gives the lead that was put there, or else a made-up one
that is always the same for the same id. `GET /{form_id}/leads` pages through the leads of a form;
`GET /{app_id}/subscriptions` and `GET /{page_id}/subscribed_apps` say who is told of them.
`PUT /leads/{leadgen_id}` puts a lead, `POST /failures` with
`{"status": 500, "count": 3}` makes the next fetches fail, `GET /stats` counts, `GET /readyz` answers 200. Every option
can also be given as an environment variable.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import zlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import uvloop
from servicekit.errors import ServiceError
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer, send_error

BODY_BYTES_MAX = 256 * 1024
CITIES = ("深圳", "广州", "杭州", "苏州", "成都", "武汉")
INDUSTRIES = ("精密零部件", "软件SaaS", "物流供应链", "医疗器械")
JSON = (b"content-type", b"application/json")
TOKEN_INVALID, LEADS_THROTTLED = 190, 80005
PAGE_SIZE_MAX = 500


@dataclass
class Stats:
    """What the API was asked for."""

    fetched: int = 0
    failed_on_purpose: int = 0
    without_token: int = 0


@dataclass
class Business:
    """What an advertiser has there: leads by form, an app's subscriptions, and the apps of a page.

    Lists of leads are answered with the errors in `refusals`, one a question, before they are answered. A page has at
    most `page_size_max` leads; pages after the first wait for `gate`, if there is one.
    """

    app_secret: str = ""
    form_leads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    subscriptions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    subscribed_apps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    listed_pages: int = 0
    page_size_max: int = PAGE_SIZE_MAX
    gate: asyncio.Event | None = None

    def subscribe(self, *, app_id: str, page_id: str, callback_url: str) -> None:
        """Lets the page's leads be pushed to a URL."""
        fields = [{"name": "leadgen", "version": "v24.0"}]
        self.subscriptions[app_id] = [
            {"object": "page", "callback_url": callback_url, "active": True, "fields": fields}
        ]
        self.subscribed_apps[page_id] = [{"id": app_id, "subscribed_fields": ["leadgen"]}]


class FakeGraphApi:
    """The API as an ASGI application.

    It answers after `delay_s`. `access_token` is the only one it takes; empty means that any will do. `leads` are the
    bodies that were put, by id.
    """

    def __init__(self, *, delay_s: float = 0.0, access_token: str = "") -> None:
        self.leads: dict[str, dict[str, Any]] = {}
        self.stats = Stats()
        self.business = Business()
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
            case "GET", [*path, last] if last:
                return await self._get(path, last, scope)
            case "PUT", ["leads", leadgen_id]:
                self.leads[leadgen_id] = dict(json.loads(await read_body(receive, BODY_BYTES_MAX)))
                return 200, {"success": True}
            case "POST", ["failures"]:
                wanted = json.loads(await read_body(receive, BODY_BYTES_MAX))
                self.fail(int(wanted["status"]), count=int(wanted["count"]))
                return 200, {"success": True}
            case _:
                return 404, _error("unknown path", code=2500)

    async def _get(self, path: list[str], last: str, scope: Scope) -> tuple[int, dict[str, Any]]:
        match path, last:
            case [], "readyz" | "livez":
                return 200, {"ready": True}
            case [], "stats":
                return 200, dict(vars(self.stats))
            case [*_, place], "leads" | "subscriptions" | "subscribed_apps":
                return await self._listed(place, last, _query(scope))
            case _:
                return await self._fetch(last, scope.get("query_string", b""))

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

    async def _listed(
        self, place: str, edge: str, query: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """The answer about an edge of an object."""
        token = query.get("access_token", "")
        right = f"{place}|{self.business.app_secret}" if edge == "subscriptions" else None
        if not token or token != (right or self._access_token or token):
            self.stats.without_token += 1
            return 400, _error("invalid access token", code=TOKEN_INVALID)
        match edge:
            case "subscriptions":
                return 200, {"data": self.business.subscriptions.get(place, [])}
            case "subscribed_apps":
                return 200, {"data": self.business.subscribed_apps.get(place, [])}
            case _:
                if query.get("after") and self.business.gate is not None:
                    await self.business.gate.wait()
                return self._form_page(place, query)

    def _form_page(self, form_id: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.business.refusals:
            self.stats.failed_on_purpose += 1
            code = self.business.refusals.pop(0)
            return (500, {}) if code == 500 else (400, _error("refused on purpose", code=code))
        if form_id not in self.business.form_leads:
            return 400, _error("unsupported get request", code=100)
        self.business.listed_pages += 1
        leads = [row for row in self.business.form_leads[form_id] if _is_within(row, query)]
        leads.sort(key=lambda row: str(row["created_time"]), reverse=True)
        first = int(base64.urlsafe_b64decode(query["after"])) if query.get("after") else 0
        size = min(self.business.page_size_max, int(query.get("limit", "25")))
        page = leads[first : first + size]
        after = base64.urlsafe_b64encode(str(first + len(page)).encode()).decode()
        paging: dict[str, Any] = {"cursors": {"before": "", "after": after}}
        if first + len(page) < len(leads):
            paging["next"] = "http://192.0.2.1/elsewhere"
        wanted = query.get("fields", "id,created_time,field_data").split(",")
        return 200, {
            "data": [{name: row[name] for name in wanted if name in row} for row in page],
            "paging": paging,
        }


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


def _query(scope: Scope) -> dict[str, str]:
    found = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return {name: values[0] for name, values in found.items()}


def _is_within(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Whether a lead passes the question's filters."""
    created_s = datetime.fromisoformat(str(row["created_time"])).timestamp()
    for rule in json.loads(query.get("filtering", "[]")):
        is_after = rule["operator"] == "GREATER_THAN"
        if not (created_s > rule["value"] if is_after else created_s < rule["value"]):
            return False
    return True


def _error(message: str, *, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "OAuthException", "code": code}}


if __name__ == "__main__":
    main()
