"""Frames arrive as what nats-py would have published one by one."""

import nats
import pytest
from nats.errors import BadSubjectError, ConnectionClosedError, ConnectionReconnectingError
from servicekit.frames import bare_frame, frame, write_frames
from servicekit.testing.waiting import eventually

MESSAGES = [
    ("frames.a", b"", {}),
    ("frames.a", b"", {"ce-id": "1"}),
    ("frames.b", b"\r\nPUB frames.b 0\r\n\r\n", {"ce-subject": "lead-1", "ce-type": "a.B"}),
    ("frames.b", b"\xff" * 70_000, {"ce-subject": "客户"}),
    ("frames.c", b"x", {"ce-subject": "one\r\nce-id: two", "other": "\n"}),
]


async def _heard(subscription):
    got = [await subscription.next_msg(timeout=5) for _ in MESSAGES]
    return [(message.subject, message.data, dict(message.headers or {})) for message in got]


async def test_frames_arrive_as_single_publishes_do_and_in_their_order(nats_url):
    client = await nats.connect(nats_url)
    subscription = await client.subscribe("frames.*")
    for subject, payload, headers in MESSAGES:
        await client.publish(subject, payload, headers=headers or None)
    singly = await _heard(subscription)

    await write_frames(client, [_framed(*message) for message in MESSAGES])
    together = await _heard(subscription)
    await client.close()

    assert together == singly


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0", "a\tb"])
def test_a_subject_that_would_end_its_line_early_is_refused(subject):
    with pytest.raises(BadSubjectError):
        bare_frame(subject)
    with pytest.raises(BadSubjectError):
        frame(subject, b"", {"ce-id": "1"})


async def test_nothing_is_handed_over_without_a_connection(own_nats_server):
    client = await nats.connect(own_nats_server.url, error_cb=_ignore, reconnect_time_wait=60)
    own_nats_server.kill9()
    await eventually(lambda: not client.is_connected)
    with pytest.raises(ConnectionReconnectingError):
        await write_frames(client, [bare_frame("frames.a")])
    assert client.pending_data_size == 0

    await client.close()
    with pytest.raises(ConnectionClosedError):
        await write_frames(client, [bare_frame("frames.a")])


def _framed(subject, payload, headers):
    return frame(subject, payload, headers) if headers else bare_frame(subject, payload)


async def _ignore(_error):
    """A killed server is what the test wants."""
