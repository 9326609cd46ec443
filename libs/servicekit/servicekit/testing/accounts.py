"""NATS accounts that start empty."""

import nats

TIMEOUT_S = 10.0


async def empty_account(url: str) -> None:
    """Delete every stream, and with it every consumer, of the account that `url` names."""
    connection = await nats.connect(url, connect_timeout=TIMEOUT_S, allow_reconnect=False)
    try:
        jetstream = connection.jetstream(timeout=TIMEOUT_S)
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(str(stream.config.name))
    finally:
        await connection.close()
