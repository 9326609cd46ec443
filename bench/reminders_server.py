"""A stand-in for whoever is told: `python -m bench.reminders_server PORT` takes webhooks, and messages of WeCom."""

import asyncio
import sys

import uvloop
from leadctl.fakes.message_vendors import MessageVendors
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer

BODY_BYTES_MAX = 1024 * 1024


class Told:
    """WeCom's paths are the provider's; every other takes a webhook."""

    def __init__(self) -> None:
        self._vendors = MessageVendors()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call."""
        if scope["path"].startswith("/cgi-bin/"):
            await self._vendors(scope, receive, send)
            return
        await read_body(receive, BODY_BYTES_MAX)
        await send_answer(send, 204, b"")


async def main() -> None:
    """Serves until killed."""
    host = HttpHost("127.0.0.1", int(sys.argv[1]), Told())
    await host.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
