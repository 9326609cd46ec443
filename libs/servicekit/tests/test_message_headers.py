"""Headers are read as the client reads them, only faster."""

import nats
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from servicekit.message_headers import HeaderLines, read_headers_plainly

NAMES = st.text("abcXYZ-09", min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=40)


@given(st.dictionaries(NAMES, VALUES, max_size=12))
def test_the_headers_that_the_kit_writes_are_read_as_the_client_reads_them(headers):
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    clients_own = Client()._parse_header_lines  # noqa: SLF001 - what ours replaces
    assert HeaderLines(raw) == clients_own(raw)
    assert all(HeaderLines(raw).get(name) == value for name, value in clients_own(raw).items())


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"no colon\r\n", b": \r\n", b"\xff: \xfe\r\n"])
def test_odd_lines_break_nothing(raw):
    headers = HeaderLines(raw)
    assert headers.get("ce-id") is None
    assert len(headers) == len(list(headers))


async def test_a_message_over_the_wire_has_its_headers(nats_url):
    client = await nats.connect(nats_url)
    read_headers_plainly(client)
    subscription = await client.subscribe("headers")
    await client.publish("headers", b"x", headers={"ce-type": "a.B", "traceparent": "00-1"})
    message = await subscription.next_msg(timeout=5)
    await client.close()

    assert message.headers == {"ce-type": "a.B", "traceparent": "00-1"}
    assert message.headers.get("traceparent") == "00-1"
    assert message.headers.get("parent", "none") == "none"
