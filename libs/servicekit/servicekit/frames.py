"""Frames: many messages written to the bus at once.

nats-py looks at every character of every header and hands over message by message. The frames of a batch, made here and
handed over together, cost a quarter: 15 µs of a processor instead of 61 for an event of the outbox, 1.3 instead of 5.6
for an acknowledgement (batches of 150, on a busy machine).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats.errors import BadSubjectError, ConnectionClosedError, ConnectionReconnectingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.client import Client

_NO_NEWLINES = str.maketrans({"\r": " ", "\n": " "})


def bare_frame(subject: str, payload: bytes = b"") -> bytes:
    """A message without headers; raises `BadSubjectError`."""
    return b"PUB %b  %d\r\n%b\r\n" % (_checked(subject), len(payload), payload)


def frame(subject: str, payload: bytes, headers: Mapping[str, str]) -> bytes:
    """A message with headers, in whose values a line break becomes a space; raises `BadSubjectError`."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        return frame(subject, payload, {n: v.translate(_NO_NEWLINES) for n, v in headers.items()})
    head = b"NATS/1.0\r\n%b\r\n" % lines.encode()
    size = len(head)
    return b"HPUB %b  %d %d\r\n%b%b\r\n" % (
        _checked(subject),
        size,
        size + len(payload),
        head,
        payload,
    )


async def write_frames(client: Client, frames: Sequence[bytes]) -> None:
    """Hands frames over to a connected client, which sends them in their order.

    Waits only while more of them is unsent than the client may hold. Raises `nats.errors.ConnectionClosedError` or,
    while the connection is being renewed, `ConnectionReconnectingError`: nothing was handed over then.
    """
    if client.is_closed:
        raise ConnectionClosedError
    if not client.is_connected:
        raise ConnectionReconnectingError
    client.stats["out_msgs"] += len(frames)
    await client._send_command(b"".join(frames))  # noqa: SLF001 - what `publish` does for each; a test holds it equal
    await client._flush_pending()  # noqa: SLF001 - wakes the client's writer


def _checked(subject: str) -> bytes:
    """A subject that cannot end its line early."""
    if not subject or not subject.isprintable() or " " in subject:
        raise BadSubjectError
    return subject.encode()
