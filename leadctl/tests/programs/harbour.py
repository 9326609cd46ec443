"""A small service for tests of the stack: a table, a bus user, `/readyz`, a clean end on SIGTERM."""

import asyncio
import os
import signal
import sys

import asyncpg
import nats

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def migrate() -> None:
    """Make the table."""
    connection = await asyncpg.connect(os.environ["HARBOUR_DATABASE_URL"])
    await connection.execute("CREATE TABLE IF NOT EXISTS ships (name text)")
    await connection.close()


async def serve() -> None:
    """Publish one arrival, then answer every request with 200 until SIGTERM."""
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    client = await nats.connect(
        os.environ["NATS_URL"],
        user=os.environ.get("NATS_USER"),
        password=os.environ.get("NATS_PASSWORD"),
        inbox_prefix="_INBOX_harbour",
    )
    await client.jetstream().publish("harbour.v1.ShipArrived.00", b"ship")
    server = await asyncio.start_server(answer, "127.0.0.1", int(os.environ["HTTP_PORT"]))
    print("the harbour is open", flush=True)  # noqa: T201 - its log
    await told_to_end.wait()
    server.close()
    await client.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 to anything."""
    await reader.readline()
    writer.write(READY)
    await writer.drain()
    writer.close()


if __name__ == "__main__":
    if os.environ.get("STORM"):
        sys.exit("the harbour is closed by a storm")
    asyncio.run(migrate() if "migrate" in sys.argv else serve())
