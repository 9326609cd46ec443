"""Facebook's Graph API as lead-intake sees it: the body of a lead by its id."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from servicekit import telemetry

FETCH_TIMEOUT_S = 5.0
BODY_BYTES_MAX = 256 * 1024


class FetchFailed(Exception):  # noqa: N818 - errors are named by what is wrong
    """A body could not be had; the text is a short code that holds nothing of the request."""


class GraphApi:
    """Fetches leads from `base_url`. A part of a service: `start` opens the connection pool."""

    name = "graph api"

    def __init__(self, base_url: str, *, connections_max: int) -> None:
        self._base_url = base_url.rstrip("/")
        address = urlsplit(base_url)
        self._host = address.hostname or ""
        self._port = address.port or (443 if address.scheme == "https" else 80)
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=self._connections_max),
        )

    async def stop(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def problem(self) -> str | None:
        """Why nothing can be fetched; an API that is away is no problem of this service."""
        return None if self._session is not None else "not started"

    async def lead(self, leadgen_id: str, *, access_token: str) -> Any:
        """The decoded body of one lead; raises `FetchFailed` after 5 s at the latest."""
        if not access_token:
            raise FetchFailed("no access token")
        with telemetry.http_client_span("GET", "/{leadgen_id}", self._host, self._port) as span:
            try:
                status, body = await self._get(leadgen_id, access_token)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # The error's own text holds the URL, and with it the token.
                span.fail(type(error).__name__)
                raise FetchFailed(type(error).__name__) from None
            span.status(status)
        if status != 200:
            raise FetchFailed(f"status {status}")
        return _decoded(body)

    async def _get(self, leadgen_id: str, access_token: str) -> tuple[int, bytes]:
        assert self._session is not None
        headers: dict[str, str] = {}
        telemetry.inject_headers(headers)
        async with self._session.get(
            f"{self._base_url}/{quote(leadgen_id, safe='')}",
            params={"access_token": access_token},
            headers=headers,
            allow_redirects=False,
        ) as response:
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise FetchFailed("body too large")
            return response.status, body


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FetchFailed("body not JSON") from None
