"""The HTTP surface of the service: the door, the token endpoint, and the document that describes both."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec
import yaml
from servicekit.http_host import send_answer

from lead_intake.webhooks.answers import JSON
from lead_intake.webhooks.door import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.http_host import AsgiApp, Receive, Scope, Send

    from lead_intake.webhooks.door import Door

OPENAPI_PATH: Final = "/openapi.json"


class Routes:
    """Sends a request to the door unless its path is, or begins with, one of `others` (those end in a slash)."""

    def __init__(self, door: Door, others: Mapping[str, AsgiApp]) -> None:
        self._door = door
        self._others = {OPENAPI_PATH: described(), **others}
        self._prefixes = tuple(path for path in self._others if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path: str = scope.get("path", "")
        if path.startswith(PREFIX):
            await self._door(scope, receive, send)
            return
        prefix = next((each for each in self._prefixes if path.startswith(each)), path)
        await self._others.get(prefix, self._door)(scope, receive, send)


def described() -> AsgiApp:
    """Answers with the OpenAPI document of this surface."""
    text = resources.files("lead_intake.webhooks").joinpath("openapi.yaml").read_text("utf-8")
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    body = msgspec.json.encode(document)

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            await send_answer(send, 200, body, (JSON,))
        else:
            await send_answer(send, 405, b"", ((b"allow", b"GET"),))

    return app
