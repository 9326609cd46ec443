"""The services as the operator's command sees them: one channel each, the operator's token, one-line errors."""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Self

import grpc
import grpc.aio
from servicekit.grpc_client import TokenFile, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType


DEADLINE_S = 15.0
AWAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
"""Codes of a service that may be back soon."""


class NotAnswered(Exception):  # noqa: N818 - errors are named by what is wrong
    """A service could not be asked, or refused; the text is one line for people.

    `code` is the name of the gRPC code, such as `NOT_FOUND`.
    """

    def __init__(self, service: str, target: str, code: str, details: str) -> None:
        self.service = service
        self.code = code
        super().__init__(f"{service} {_reason(target, code, ' '.join(details.split()))}")


class Services:
    """Channels to the services of one installation, open inside `async with`; dialled when first asked.

    `targets` maps services to `host:port` or gRPC names; `token_file` holds the operator's token.
    """

    def __init__(self, targets: Mapping[str, str], token_file: Path) -> None:
        self.targets = targets
        self._token_file = token_file
        self._token = TokenFile(token_file)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channels.clear()
        await self._open.__aexit__(kind, error, trace)

    @contextmanager
    def asking(self, service: str) -> Iterator[grpc.aio.Channel]:
        """The channel to `service`; a call that fails inside the block raises `NotAnswered`."""
        target = self.targets.get(service, "")
        try:
            yield self._channel(service, target)
        except grpc.aio.AioRpcError as error:
            code, details = error.code().name, error.details() or ""
            raise NotAnswered(service, target, code, details) from None
        except OSError:
            reason = f"the token file {self._token_file} cannot be read"
            raise NotAnswered(service, target, "UNAUTHENTICATED", reason) from None

    def _channel(self, service: str, target: str) -> grpc.aio.Channel:
        if not target:
            raise NotAnswered(service, target, "UNKNOWN_TARGET", "")
        if service not in self._channels:
            channel = connect(target, token=self._token, default_deadline_s=DEADLINE_S)
            self._open.push_async_callback(channel.close)
            self._channels[service] = channel
        return self._channels[service]


def _reason(target: str, code: str, details: str) -> str:
    match code:
        case "UNAVAILABLE":
            return f"at {target} cannot be reached"
        case "DEADLINE_EXCEEDED":
            return f"at {target} did not answer in time"
        case "UNAUTHENTICATED":
            return f"does not accept the token: {details}"
        case "UNKNOWN_TARGET":
            return "has no known address; say --target SERVICE=HOST:PORT"
        case "NOT_FOUND":
            return f"does not know it: {details}" if details else "does not know it"
        case _:
            return f"refused: {details or code.lower()}"
