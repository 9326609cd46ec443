"""Calls of a vendor's API: bounded in time and size, never redirected, only to the address that the settings give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
from servicekit import telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S = 5.0
PAGE_TIMEOUT_S = 20.0
BODY_BYTES_MAX = 256 * 1024
PAGE_BYTES_MAX = 8 * 1024 * 1024
RETRY_AFTER_S_MAX = 3600.0
THROTTLED_S = 60.0
"""How long to leave a vendor alone that says too much is asked of it, and not for how long."""


class VendorFailed(Exception):  # noqa: N818 - errors are named by what is wrong
    """A vendor did not give what was asked; `code` is short and holds nothing of the request.

    `is_permanent` when only a person can help; `retry_after_s` where the vendor is to be left alone.
    """

    def __init__(
        self, code: str, *, is_permanent: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.is_permanent = is_permanent
        self.retry_after_s = retry_after_s


class Answer(NamedTuple):
    """What a vendor answered."""

    status: int
    body: bytes
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a call may take and how large its answer may be."""

    timeout_s: float = CALL_TIMEOUT_S
    body_bytes_max: int = BODY_BYTES_MAX


PAGE = Bounds(PAGE_TIMEOUT_S, PAGE_BYTES_MAX)
_USUAL = Bounds()


class VendorCalls:
    """Calls below `base_url`. `start` opens the connection pool."""

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
            connector=aiohttp.TCPConnector(limit=self._connections_max)
        )

    async def stop(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._session is not None

    async def get(
        self,
        path: str,
        template: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        bounds: Bounds = _USUAL,
    ) -> Answer:
        """A GET below the base; `template` is the path without ids, for the trace. Raises `VendorFailed`."""
        return await self._ask(
            "GET", path, template, bounds, params=params or {}, headers=dict(headers or {})
        )

    async def post(
        self, path: str, template: str, *, document: object, bounds: Bounds = _USUAL
    ) -> Answer:
        """A POST of a JSON document below the base; raises `VendorFailed`."""
        return await self._ask(
            "POST",
            path,
            template,
            bounds,
            data=msgspec.json.encode(document),
            headers={"content-type": "application/json"},
        )

    async def _ask(
        self, method: str, path: str, template: str, bounds: Bounds, **request: Any
    ) -> Answer:
        with telemetry.http_client_span(method, template, self._host, self._port) as span:
            try:
                answer = await self._sent(method, path, bounds, request)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # The error's own text holds the URL, and with it the token.
                span.fail(type(error).__name__)
                raise VendorFailed(type(error).__name__) from None
            span.status(answer.status)
        return answer

    async def _sent(
        self, method: str, path: str, bounds: Bounds, request: dict[str, Any]
    ) -> Answer:
        assert self._session is not None
        telemetry.inject_headers(request["headers"])
        async with self._session.request(
            method,
            self._base_url + path,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=bounds.timeout_s),
            **request,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > bounds.body_bytes_max:
                    raise VendorFailed("body too large")
            retry_after_s = _seconds(response.headers.get("retry-after", ""))
            return Answer(response.status, bytes(body), retry_after_s)


def decoded(answer: Answer) -> Any:
    """The document of an answer whose status is 200 or tells in the body; raises `VendorFailed`."""
    check_status(answer)
    return document_of(answer)


def check_status(answer: Answer) -> None:
    """Raises `VendorFailed` unless the status is 200."""
    if answer.status == 429:
        raise VendorFailed("status 429", retry_after_s=answer.retry_after_s)
    if answer.status != 200:
        code = f"status {answer.status}"
        raise VendorFailed(code, is_permanent=answer.status in {401, 403, 404})


def document_of(answer: Answer) -> Any:
    """The body as a document, whatever the status; raises `VendorFailed`."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise VendorFailed("body not JSON") from None


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        return THROTTLED_S
    return min(RETRY_AFTER_S_MAX, float(text))
