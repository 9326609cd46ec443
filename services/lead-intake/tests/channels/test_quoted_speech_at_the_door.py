"""What was said, from a posted call or chat to its sealed place in the event; and what the log says of it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio
from leadchain.intake.v1 import facts_events_pb2 as pb
from servicekit.sealing import KeyRing

if TYPE_CHECKING:
    from _pytest.capture import CaptureFixture

OBJECTION = "你们的报价比别家贵"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


async def post(intake: Any, samples: Any, channel: str, body: dict[str, Any]) -> None:
    if channel not in intake.paths:
        secrets = [samples.form_secret]
        intake.paths[channel] = await intake.put_account(channel, secrets=secrets)
    raw = json.dumps(body).encode()
    headers = samples.sign_form(raw)
    async with intake.http.post(intake.paths[channel], data=raw, headers=headers) as answer:
        assert answer.status == 202


async def test_what_was_said_travels_sealed_for_its_item(intake: Any, samples: Any) -> None:
    call = {"call_id": "c-1", "result": "answered", "transcript": f"客户: {OBJECTION}\n坐席: 好"}
    chat = {"session_id": "s-1", "messages": [{"from": "customer", "text": OBJECTION}]}

    await post(intake, samples, "call_record", call)
    await post(intake, samples, "chat_record", chat)

    await intake.settled(2)
    rows = await intake.outbox()
    events = [pb.InteractionReported.FromString(row["payload"]) for row in rows]
    ring = KeyRing({"k1": base64.b64decode(samples.key)})
    said = {}
    for event in events:
        opened = ring.open(event.sealed_content, UUID(event.origin.item_id).bytes)
        lines = pb.InteractionContent.FromString(opened).lines
        said[event.origin.channel] = [(line.is_customer, line.text) for line in lines]
    assert said == {
        "call_record": [(True, OBJECTION), (False, "好")],
        "chat_record": [(True, OBJECTION)],
    }
    assert {event.customer_message_count for event in events} == {1}
    assert not [row for row in rows if OBJECTION.encode() in row["payload"]]


async def test_where_a_call_can_be_heard_travels_sealed_too(intake: Any, samples: Any) -> None:
    recording = "https://pbx.example/r/c-9.wav?key=secret"

    await post(
        intake,
        samples,
        "call_record",
        {"call_id": "c-9", "result": "answered", "recording_url": recording},
    )

    await intake.settled(1)
    (row,) = await intake.outbox()
    event = pb.InteractionReported.FromString(row["payload"])
    ring = KeyRing({"k1": base64.b64decode(samples.key)})
    opened = ring.open(event.sealed_content, UUID(event.origin.item_id).bytes)
    content = pb.InteractionContent.FromString(opened)
    assert (content.recording_url, list(content.lines)) == (recording, [])
    assert not event.HasField("customer_message_count")
    assert recording.encode() not in row["payload"]


async def test_no_word_of_it_is_in_the_log_the_quarantine_or_the_rows(
    intake: Any, samples: Any, capsys: CaptureFixture[str]
) -> None:
    said = f"客户: {OBJECTION}"

    await post(intake, samples, "call_record", {"call_id": "c-2", "transcript": said})
    await post(intake, samples, "chat_record", {"transcript": said})
    await post(intake, samples, "chat_record", {"session_id": "s-2", "transcript": said})

    items = await intake.settled(3)
    kept = [dict(row) for row in (*items, *await intake.deliveries(), *await intake.outbox())]
    assert sorted(item["detail"] or "" for item in items) == [
        "",
        "map/action",
        "map/interaction_id",
    ]
    assert OBJECTION not in "".join(capsys.readouterr())
    assert OBJECTION not in str(kept)
    assert str(OBJECTION.encode())[2:-1] not in str(kept)
