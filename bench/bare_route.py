"""The raw limit of durable intake: a bare ASGI route that group-commits the same row with the same driver.

No signature, no account, no sealing, no trace: what is left when everything but the row is taken away.
`python -m bench.bare_route PORT DATABASE_URL`.
"""

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
import uvicorn

BATCH_SIZE_MAX = 500
CREATE = """
create table if not exists bare_deliveries (
  delivery_id uuid primary key, account_id uuid not null, dedupe_key bytea not null, sealed_raw bytea not null,
  received_at timestamptz not null default now(), state smallint not null default 0, unique (account_id, dedupe_key))
"""
INSERT = """
insert into bare_deliveries (delivery_id, account_id, dedupe_key, sealed_raw)
select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) on conflict do nothing
"""
ACCOUNT = uuid.UUID(int=1)

Waiting = list[tuple[uuid.UUID, bytes, bytes, asyncio.Future[None]]]


class BareRoute:
    """Collects rows and flushes them when the flush before has returned."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: Waiting = []
        self._wake = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answers 202 when the row is committed."""
        if scope["type"] != "http":
            return
        if self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush())
        body = (await receive())["body"]
        key = next(value for name, value in scope["headers"] if name == b"webhook-id")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((uuid.uuid4(), key, body, done))
        self._wake.set()
        await done
        await send(
            {"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    async def _flush(self) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute(CREATE)
        statement = await connection.prepare(INSERT)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = (
                    self._waiting[:BATCH_SIZE_MAX],
                    self._waiting[BATCH_SIZE_MAX:],
                )
                ids, keys, bodies, futures = zip(*batch, strict=True)
                await statement.fetch(ids, [ACCOUNT] * len(ids), keys, bodies)
                for future in futures:
                    future.set_result(None)


if __name__ == "__main__":
    uvicorn.run(
        BareRoute(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
