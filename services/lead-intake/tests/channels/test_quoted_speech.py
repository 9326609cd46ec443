"""What was said is read from lists and from texts with speakers, within bounds, and shown to nobody."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels.channel_files import InvalidChannelFile, load_channels, overridden
from lead_intake.channels.quoted_speech import transcript_reader
from lead_intake.channels.shipped_samples import load_samples
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.channels.unread_keys import unread_keys
from lead_intake.domain.conversations import CHARS_MAX, LINES_MAX, SpokenLine, conversation
from lead_intake.domain.facts import FactKind, Interaction
from lead_intake.domain.leads import AccountId, DeliveryId, Item, LeadId, Origin, Stated, Trust
from lead_intake.domain.mappings import Trial
from lead_intake.reading import load_lexicons, read_delivery
from lead_intake.reading.shown_values import masked, values_of
from lead_intake.seals import Seals
from lead_intake.settings import Settings
from lead_intake.wire.facts import fact_event
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as pb
from servicekit.database import EVENT_BYTES_MAX
from servicekit.sealing import KeyRing, SealBroken

LEXICONS = load_lexicons()
CHANNELS = load_channels()
ITEM_ID = UUID("01990000-0000-7000-8000-000000000001")
KEY = base64.b64encode(bytes(range(32))).decode()
NOON = datetime(2026, 1, 25, 12, tzinfo=UTC)
SPEAKERS = {"客户": "customer", "B": "customer", "坐席": "ours", "A": "ours"}
OBJECTION = "太贵了，先不要"


def said_in(text: Any) -> list[tuple[bool, str, Any]]:
    lines = transcript_reader(SPEAKERS)(text)
    return [(each.is_customer, each.text, each.at) for each in lines]


def found_in(channel: str, **body: Any) -> Stated:
    file = CHANNELS[channel]
    (found,) = read_delivery(file.reading, json.dumps(body).encode(), LEXICONS)
    assert isinstance(found, Stated)
    return found


def interaction_in(channel: str, **body: Any) -> Interaction:
    fact = found_in(channel, **body).fact
    assert isinstance(fact, Interaction)
    return fact


def a_chat(**named: Any) -> dict[str, Any]:
    return {"session_id": "s-1", "agent": "rep-07", **named}


def a_call(**named: Any) -> dict[str, Any]:
    return {"call_id": "c-1", "result": "answered", **named}


def settings() -> Settings:
    return Settings(
        database_url="postgresql://localhost/none",
        nats_url="nats://localhost",
        permissions_grpc="localhost:1",
        field_keys=f"k1:{KEY}",
        index_key=KEY,
        jwks_file=Path("no-such-file"),
    )


def event_of(found: Stated) -> pb.InteractionReported:
    origin = Origin(
        DeliveryId(ITEM_ID), AccountId(1), "main", "chat_record", Trust.STRONG, 1, NOON, None,
        FactKind.INTERACTION,
    )  # fmt: skip
    event = fact_event(Item(LeadId(ITEM_ID), 0, origin, found), found.fact, Seals.of(settings()))
    assert isinstance(event, pb.InteractionReported)
    return event


def opened_lines(event: pb.InteractionReported) -> list[pb.InteractionContent.Line]:
    opened = settings().key_ring().open(event.sealed_content, ITEM_ID.bytes)
    return list(pb.InteractionContent.FromString(opened).lines)


def written(line: pb.InteractionContent.Line) -> str:
    at = f" {line.at_s}" if line.HasField("at_s") else ""
    return f"{'customer' if line.is_customer else 'ours'}{at}: {line.text}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("客户:太贵\n坐席:可以谈", [(True, "太贵", None), (False, "可以谈", None)]),
        ("A：您好\nB： 发我邮箱", [(False, "您好", None), (True, "发我邮箱", None)]),
        ("[00:05] 客户：好\n(1:02:03) 坐席: 好", [(True, "好", 5), (False, "好", 3723)]),
        ("客户: 一\n二\n三", [(True, "一\n二\n三", None)]),
        ("客户: 一\n王总: 二\n三", [(True, "一", None), (False, "王总: 二\n三", None)]),
        ("没有名字的话\n客户: 好", [(False, "没有名字的话", None), (True, "好", None)]),
        ("客户: 看 http://a.example\nhttp://b.example", [(True, "看 http://a.example\nhttp://b.example", None)]),
        ("客户: 有货吗 坐席: 有", [(True, "有货吗", None), (False, "有", None)]),
        ("00:01 客户: 有货吗 00:03 坐席: 有", [(True, "有货吗", 1), (False, "有", 3)]),
        ("客户: 在吗客户: 我", [(True, "在吗客户: 我", None)]),
        ("客户\n坐席", [(False, "客户\n坐席", None)]),
        ("", []),
        (None, []),
        ({"x": 1}, []),
    ],
)  # fmt: skip
def test_who_speaks_in_a_text_is_told_by_the_names_that_are_declared(
    text: Any, lines: list[tuple[bool, str, Any]]
) -> None:
    assert said_in(text) == lines


@given(st.text(alphabet="客户坐席AB:： \n[]0159甲", max_size=60))
def test_only_a_declared_customer_is_ever_the_customer(text: str) -> None:
    words = text.replace("：", ":").replace(" ", "")
    is_named = "客户:" in words or "B:" in words

    assert is_named or not any(each.is_customer for each in transcript_reader(SPEAKERS)(text))


def test_whoever_is_none_of_a_lists_words_is_not_the_customer() -> None:
    said = [{"from": who, "text": "在吗"} for who in ("customer", "客户", "robot", None, 7)]

    chat = interaction_in("chat_record", **a_chat(messages=[*said, "x", None]))

    assert [each.is_customer for each in chat.lines] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("written", "at"),
    [("2026-01-25T12:00:07Z", 7), (None, None), ("2026-01-25T11:59:59Z", None), ("never", None)],
)
def test_times_count_from_the_beginning(written: Any, at: int | None) -> None:
    message = {"from": "customer", "text": "好", "sent_at": written}

    chat = interaction_in(
        "chat_record", **a_chat(started_at="2026-01-25T12:00:00Z", messages=[message])
    )

    assert chat.lines[0].at_s == at


def test_times_count_from_the_first_line_where_no_beginning_is_stated() -> None:
    spoken = [
        SpokenLine(is_customer=True, text="一", at=NOON),
        SpokenLine(is_customer=True, text="二", at=NOON + timedelta(seconds=3)),
    ]

    assert [each.at_s for each in conversation(spoken, began_at=None).lines] == [0, 3]


@pytest.mark.parametrize(
    ("written", "found"),
    [(3, 3), ("3", 3), ("3.9", 3), (3.9, 3), ("01:05", 65), ("1:00:05.250", 3605), ("-1", None),
     (-1.0, None), (float("nan"), None), ("soon", None), (True, None)],
)  # fmt: skip
def test_seconds_are_read_as_numbers_and_as_a_clock(written: Any, found: int | None) -> None:
    assert TRANSFORMS["seconds"](written) == found


def test_milliseconds_become_whole_seconds() -> None:
    assert [TRANSFORMS["milliseconds"](each) for each in (3999, "4000", "x", None)] == [3, 4, None, None]  # fmt: skip


def test_lines_beyond_the_bounds_are_cut_and_that_is_told() -> None:
    many = [SpokenLine(is_customer=True, text="好")] * (LINES_MAX + 1)
    long = [SpokenLine(is_customer=True, text="好" * (CHARS_MAX - 1))] * 3

    by_lines, by_chars = conversation(many, began_at=None), conversation(long, began_at=None)
    at_the_bounds = conversation(many[:LINES_MAX], began_at=None)

    assert (len(by_lines.lines), by_lines.is_cut) == (LINES_MAX, True)
    assert ([len(each.text) for each in by_chars.lines], by_chars.is_cut) == ([CHARS_MAX - 1, 1], True)  # fmt: skip
    assert by_chars.customer_count == 3
    assert (len(at_the_bounds.lines), at_the_bounds.is_cut) == (LINES_MAX, False)


def test_a_text_of_too_many_turns_is_cut_and_that_is_told() -> None:
    call = interaction_in("call_record", **a_call(transcript="客户: 好\n坐席: 好\n" * LINES_MAX))

    assert (len(call.lines), call.is_content_cut) == (LINES_MAX, True)


def test_the_customers_messages_are_counted_unless_the_system_states_how_many() -> None:
    said = {"messages": [{"from": "customer", "text": "好"}, {"from": "agent", "text": "好"}]}

    counted = interaction_in("chat_record", **a_chat(**said))
    stated = interaction_in("chat_record", **a_chat(**said, customer_message_count=9))
    silent = interaction_in("chat_record", **a_chat())

    assert counted.customer_message_count == 1
    assert stated.customer_message_count == 9
    assert silent.customer_message_count is None


def test_a_list_goes_before_a_text_that_says_the_same() -> None:
    call = interaction_in(
        "call_record",
        **a_call(utterances=[{"speaker": "客户", "text": "好"}], transcript="坐席: 您好"),
    )

    assert [str(each) for each in call.lines] == ["customer: 好"]


def test_the_event_opens_to_the_same_lines_and_holds_no_word_of_them_in_the_clear() -> None:
    messages = [
        {"from": "customer", "text": OBJECTION, "sent_at": "2026-01-25T12:00:04Z"},
        {"from": "agent", "text": "好的"},
    ]
    found = found_in("chat_record", **a_chat(started_at=NOON.isoformat(), messages=messages))

    event = event_of(found)

    lines = opened_lines(event)
    assert [(each.is_customer, each.text, each.HasField("at_s"), each.at_s) for each in lines] == [
        (True, OBJECTION, True, 4),
        (False, "好的", False, 0),
    ]
    assert (event.customer_message_count, event.is_content_cut) == (1, False)
    assert event.origin.item_id == str(ITEM_ID)
    assert OBJECTION.encode() not in event.SerializeToString()
    with pytest.raises(SealBroken):
        KeyRing({"k1": base64.b64decode(KEY)}).open(event.sealed_content, bytes(16))


def test_every_sample_that_quotes_somebody_is_sealed_as_it_says() -> None:
    quoting = [
        (name, sample, expected)
        for name, samples in load_samples().items()
        for sample in samples
        for expected in sample.expected
        if expected.values.get("lines")
    ]

    told = []
    for name, sample, _ in quoting:
        (found,) = read_delivery(CHANNELS[name].reading, sample.raw, LEXICONS)
        assert isinstance(found, Stated)
        told.append(", ".join(map(written, opened_lines(event_of(found)))))

    assert told == [expected.values["lines"] for _, _, expected in quoting]
    assert {name for name, _, _ in quoting} == {"call_record", "chat_record", "wechat_messages"}


def test_an_interaction_in_which_nothing_was_quoted_has_no_content() -> None:
    event = event_of(found_in("call_record", **a_call()))

    assert event.sealed_content == b""
    assert not event.HasField("customer_message_count")


def test_the_most_that_is_said_still_fits_into_the_events_of_intake_and_identity() -> None:
    line = SpokenLine(is_customer=True, text="𠮷" * (CHARS_MAX // LINES_MAX), at=2**31 - 1)
    found = conversation([line] * LINES_MAX, began_at=None)
    call = interaction_in("call_record", **a_call())
    fact = Interaction(
        call.subject, "c-1", call.kind, "answered", "", None, None, None, found.lines
    )

    event = event_of(Stated(fact))

    identified = FactIdentified(item_id=str(ITEM_ID), golden_id="a" * 64, interaction=event)
    assert CHARS_MAX * 4 < len(identified.SerializeToString()) < EVENT_BYTES_MAX


def test_what_was_said_shows_neither_in_trials_nor_in_their_examples() -> None:
    found = found_in("call_record", **a_call(transcript=f"客户: {OBJECTION}"))
    other = found_in("call_record", **a_call(transcript="客户: 太贵了，先这样"))
    trial = Trial()

    trial.add(LeadId(ITEM_ID), found, other, was_quarantined=False)

    shown = masked(values_of(found))
    assert OBJECTION in values_of(found)["lines"]
    assert "太贵" not in f"{shown} {trial.examples} {found!r}"
    assert trial.differences["lines"] == 1


def test_fields_of_messages_that_nothing_reads_are_named() -> None:
    body = a_chat(messages=[{"from": "customer", "text": "好", "sent_at": 1, "colour": "red"}])

    assert unread_keys(CHANNELS["chat_record"].reading, body) == ["messages[].colour"]


READ = {"path": "text", "via": "text"}


@pytest.mark.parametrize(
    "rule",
    [
        {"lines": {"path": "messages", "via": "text"}},
        {"lines": {"path": "messages", "each": {"who": READ}}},
        {"lines": {"path": "messages", "each": {"text": READ}}},
        {"lines": {"path": "messages", "each": {"text": READ, "who": READ, "is_customer": READ}}},
        {"lines": {"path": "messages", "each": {"text": READ, "who": READ, "at": READ}}},
        {"lines": {"path": "messages", "each": {"text": READ, "who": {"path": "[", "via": "text"}}}},
        {"transcript": {"path": "text", "via": "text"}},
        {"transcript": {"path": "text", "speakers": {}}},
        {"transcript": {"path": "text", "speakers": {"客户": "somebody"}}},
        {"transcript": {"path": "text", "speakers": {"客户:": "customer"}}},
        {"person": {"path": "text", "speakers": {"客户": "customer"}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_mapping_that_does_not_say_how_speech_is_read_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidChannelFile):
        overridden(CHANNELS["chat_record"], {"map": rule}, version=1000)


def test_an_account_declares_speakers_of_its_own() -> None:
    own = {"transcript": {"path": "text", "speakers": {"甲方": "customer", "乙方": "ours"}}}
    file = overridden(CHANNELS["call_record"], {"map": own}, version=1000)
    body = json.dumps(a_call(text="甲方: 好\n客户: 好")).encode()

    (found,) = read_delivery(file.reading, body, LEXICONS)

    assert values_of(found)["lines"] == "customer: 好, ours: 客户: 好"
