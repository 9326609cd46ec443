"""Calls of a vendor's API below the address that the settings give, and what of its answers is a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from servicekit.http_calls import Bounds, Call, CallPool, Fault, NotAnswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.http_calls import Answer

USUAL = Bounds(deadline_s=5.0, body_bytes_max=256 * 1024)
PAGE = Bounds(deadline_s=20.0, body_bytes_max=8 * 1024 * 1024)
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


class VendorCalls:
    """Calls below `base_url`. `start` opens the connection pool."""

    def __init__(self, base_url: str, *, connections_max: int) -> None:
        self._base_url = base_url.rstrip("/")
        self._pool = CallPool(
            USUAL, connections_max=connections_max, retry_after_default_s=THROTTLED_S
        )

    async def start(self) -> None:
        """Opens the pool."""
        await self._pool.start()

    async def stop(self) -> None:
        """Closes the pool."""
        await self._pool.stop()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._pool.is_open

    async def get(
        self,
        path: str,
        template: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        bounds: Bounds = USUAL,
    ) -> Answer:
        """A GET below the base; `template` is the path without ids, for the trace. Raises `VendorFailed`."""
        url = self._base_url + path
        return await self._ask(Call("GET", url, template, params or {}, headers or {}), bounds)

    async def post(
        self, path: str, template: str, *, document: object, bounds: Bounds = USUAL
    ) -> Answer:
        """A POST of a JSON document below the base; raises `VendorFailed`."""
        headers = {"content-type": "application/json"}
        body = msgspec.json.encode(document)
        call = Call("POST", self._base_url + path, template, headers=headers, body=body)
        return await self._ask(call, bounds)

    async def _ask(self, call: Call, bounds: Bounds) -> Answer:
        try:
            return await self._pool.ask(call, bounds=bounds)
        except NotAnswered as failure:
            is_large = failure.code is Fault.TOO_LARGE
            raise VendorFailed("body too large" if is_large else failure.reason) from None


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
