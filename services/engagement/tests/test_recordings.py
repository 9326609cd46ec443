"""Recordings: written down by a recogniser, read like what arrived as text, given up aloud."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from engagement.clients.calls import HttpCalls
from engagement.clients.speech import Recogniser
from engagement.commands.facts import Facts
from engagement.commands.privacy import erase_leads, kept_about
from engagement.commands.recordings import Recordings, Transcriber
from engagement.domain.recordings import (
    GIVEN_UP_AFTER,
    RETRY_DELAYS_S,
    Later,
    Leased,
    NotHeard,
    Recording,
    is_allowed,
    next_step,
)
from engagement.queries.recordings import list_failed
from engagement.store import behaviours as behaviour_store
from leadchain.engagement.v1.behaviour_events_pb2 import BehaviourDetected
from leadchain.engagement.v1.recording_events_pb2 import TranscriptionFailed
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadctl.fakes.speech_recogniser import FakeSpeechRecogniser
from servicekit.events import new_id
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engagement.commands.standings import Standings
    from engagement.domain.behaviours import Transcript
    from engagement.policies import Policies
    from engagement.seals import Seals
    from engagement.store.recordings import FailedRecording
    from leadchain.identity.v1.events_pb2 import FactIdentified
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
HOST = "pbx.example"
URL = f"https://{HOST}/r/c-1.wav?key=secret"
TOKEN = "speech-token"
SAID = [("agent", "您好"), ("customer", "我们先试试"), ("agent", "好的，签合同吧")]


class Listening:
    """A service that has recordings written down, and the recogniser that it asks."""

    def __init__(
        self, service: Hearing, seals: Seals, facts: Facts, fake: FakeSpeechRecogniser
    ) -> None:
        self.service = service
        self.seals = seals
        self.facts = facts
        self.fake = fake
        self.transcriber: Any = None

    async def takes(self, *events: FactIdentified) -> None:
        """Facts arrive."""
        async with self.service.database.unit_of_work() as uow:
            await self.facts.take(uow, events)

    async def transcripts(self, *events: FactIdentified) -> list[Transcript]:
        """What is on record of what was said in these."""
        ids = [contact_id(self.seals, event) for event in events]
        async with self.service.database.raw() as raw:
            found = await behaviour_store.get(raw, ids, self.seals)
        return list(found.values())

    async def failed(self) -> list[FailedRecording]:
        """Recordings that nobody tries any more."""
        return await list_failed(self.service.database)

    async def addresses(self) -> list[bytes]:
        """What is kept of where recordings can be heard."""
        async with self.service.database.raw() as raw:
            return [row[0] for row in await raw.fetch("select sealed_url from recordings")]


def contact_id(seals: Seals, event: FactIdentified) -> UUID:
    origin = event.interaction.origin
    return seals.contact_id(origin.channel, origin.account, event.interaction.interaction_id)


async def is_asked(fake: FakeSpeechRecogniser) -> bool:
    return bool(fake.asked)


def recorded(build: Any, ring: Any, url: str = URL, **named: Any) -> FactIdentified:
    """A call that was recorded and not written down."""
    event: FactIdentified = build.interaction(**named)
    content = intake.InteractionContent(recording_url=url).SerializeToString()
    event.interaction.sealed_content = ring.seal(content, UUID(event.item_id).bytes)
    return event


@pytest.fixture
async def listening(
    service: Hearing, seals: Seals, policies: Policies, watches: Any, standings: Standings
) -> AsyncIterator[Listening]:
    fake = FakeSpeechRecogniser(token=TOKEN, said={URL: SAID})
    host = HttpHost("127.0.0.1", 0, fake)
    await host.start()
    calls = HttpCalls("speech", f"http://127.0.0.1:{host.port}", timeout_s=2.0)
    await calls.start()
    facts = Facts(policies, seals, watches, standings, Recordings(seals, {HOST}))
    here = Listening(service, seals, facts, fake)
    recogniser = Recogniser(calls, TOKEN)
    here.transcriber = Transcriber(service.database, seals, recogniser, facts.hear)
    yield here
    await calls.stop()
    await host.stop()


async def test_a_recorded_call_is_written_down_and_read_like_a_text(
    listening: Listening, build: Any, ring: Any
) -> None:
    await listening.service.hears(build.assigned())
    call = recorded(build, ring)

    await listening.takes(call)
    waiting = await listening.addresses()
    assert await listening.transcriber.step() is False
    assert await listening.transcriber.step() is False

    (transcript,) = await listening.transcripts(call)
    assert [(line.is_customer, line.text) for line in transcript.lines] == [
        (speaker == "customer", text) for speaker, text in SAID
    ]
    assert transcript.tags == {"trial_intent"}
    assert [mark.rule_id for mark in transcript.marks] == ["trial", "red"]
    (behaviour,) = await listening.service.states(BehaviourDetected)
    assert behaviour.contact_id == str(transcript.contact_id)
    assert listening.fake.asked == [(str(transcript.contact_id), URL)]
    assert HOST.encode() not in waiting[0]
    assert await listening.addresses() == [b""]


async def test_the_same_call_told_again_is_written_down_once(
    listening: Listening, build: Any, ring: Any
) -> None:
    call = recorded(build, ring)

    await listening.takes(call, call)
    await listening.transcriber.step()
    await listening.takes(call)
    await listening.transcriber.step()

    assert len(listening.fake.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 408], ids=str)
async def test_a_recogniser_that_is_away_is_asked_again_later(
    listening: Listening, build: Any, ring: Any, clock: Any, status: int
) -> None:
    listening.fake.statuses = [status]
    call = recorded(build, ring)
    await listening.takes(call)

    await listening.transcriber.step()
    await listening.transcriber.step()
    asked_at_once = len(listening.fake.asked)
    clock.forward(seconds=RETRY_DELAYS_S[0])
    await listening.transcriber.step()

    assert asked_at_once == 1
    assert len(await listening.transcripts(call)) == 1


async def test_a_recogniser_says_how_long_it_wants_to_be_left_alone(
    listening: Listening, build: Any, ring: Any, clock: Any
) -> None:
    listening.fake.statuses, listening.fake.retry_after_s = [429], 300
    await listening.takes(recorded(build, ring))

    await listening.transcriber.step()
    clock.forward(seconds=299)
    await listening.transcriber.step()
    before = len(listening.fake.asked)
    clock.forward(seconds=1)
    await listening.transcriber.step()

    assert (before, len(listening.fake.asked)) == (1, 2)


async def test_a_recording_that_is_listened_to_is_asked_for_until_it_is_done(
    listening: Listening, build: Any, ring: Any, clock: Any
) -> None:
    listening.fake.statuses = [202] * 20
    call = recorded(build, ring)
    await listening.takes(call)

    for _ in range(21):
        await listening.transcriber.step()
        clock.forward(seconds=30)

    assert len(await listening.transcripts(call)) == 1
    assert len({key for key, _ in listening.fake.asked}) == 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [([422], "status_422"), ([503] * 6, "status_503"), ([202] * 9, "too_late")],
    ids=["refused", "away", "for-ever-at-work"],
)
async def test_what_is_not_written_down_is_given_up_aloud_and_tried_again_by_hand(
    listening: Listening, build: Any, ring: Any, clock: Any, answers: list[int], reason: str
) -> None:
    await listening.service.hears(build.assigned(lead_id=(lead_id := new_id())))
    listening.fake.statuses = list(answers)
    call = recorded(build, ring)
    await listening.takes(call)

    for _ in answers:
        await listening.transcriber.step()
        clock.forward(hours=4)
    given_up = await listening.failed()
    async with listening.service.database.unit_of_work() as uow:
        count = await Recordings(listening.seals, {HOST}).retry(uow, [])
    listening.fake.statuses = []
    await listening.transcriber.step()

    assert [each.reason for each in given_up] == [reason]
    (event,) = await listening.service.states(TranscriptionFailed)
    assert (event.reason, event.lead_id, event.owner_id) == (reason, lead_id, "rep-01")
    assert HOST not in str(event)
    assert (count, await listening.failed()) == (1, [])
    assert len(await listening.transcripts(call)) == 1


async def test_an_answer_that_makes_no_sense_is_given_up(
    listening: Listening, build: Any, ring: Any
) -> None:
    listening.fake.said[URL] = [("somebody", "喂")]
    await listening.takes(recorded(build, ring))

    await listening.transcriber.step()

    assert [each.reason for each in await listening.failed()] == ["unexpected_answer"]


async def test_silence_is_written_down_as_nothing(
    listening: Listening, build: Any, ring: Any
) -> None:
    listening.fake.said[URL] = []
    call = recorded(build, ring)
    await listening.takes(call)

    await listening.transcriber.step()

    assert await listening.transcripts(call) == []
    assert (await listening.failed(), await listening.addresses()) == ([], [b""])


async def test_a_recording_that_may_not_be_fetched_is_told_of_and_nobody_is_asked(
    listening: Listening, build: Any, ring: Any
) -> None:
    await listening.takes(recorded(build, ring, "https://169.254.169.254/latest/meta-data"))

    await listening.transcriber.step()
    async with listening.service.database.unit_of_work() as uow:
        count = await Recordings(listening.seals, {HOST}).retry(uow, [])
    await listening.transcriber.step()

    assert (count, listening.fake.asked) == (0, [])
    assert [each.reason for each in await listening.failed()] == ["not_allowed"]
    (event,) = await listening.service.states(TranscriptionFailed)
    assert event.reason == "not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/r.wav",
        "https://evil.example/r.wav",
        f"https://{HOST}.evil.example/r.wav",
        f"https://evil.example/{HOST}",
        f"https://{HOST}@evil.example/r.wav",
        f"https://user:word@{HOST}/r.wav",
        f"https://{HOST}:8443/r.wav",
        f"https://{HOST}:x/r.wav",
        f"https://evil.example\\@{HOST}/r.wav",
        f"https://{HOST}/r.wav#f",
        f"https://{HOST}/{'r' * 2000}",
        "https://[::1]/r.wav",
        "file:///etc/passwd",
        f"//{HOST}/r.wav",
        "",
    ],
    ids=range(15),
)
def test_only_named_hosts_are_fetched_from(url: str) -> None:
    assert not is_allowed(url, {HOST})
    assert is_allowed(f"https://{HOST.upper()}:443/r.wav", {HOST})


async def test_replicas_have_a_recording_written_down_once(
    listening: Listening, build: Any, ring: Any
) -> None:
    calls = [recorded(build, ring) for _ in range(12)]
    await listening.takes(*calls)

    await asyncio.gather(*(listening.transcriber.step() for _ in range(4)))

    assert len(await listening.transcripts(*calls)) == 12
    assert len(listening.fake.asked) == 12


async def test_whoever_dies_at_it_leaves_a_recording_to_others(
    listening: Listening, build: Any, ring: Any, clock: Any
) -> None:
    call = recorded(build, ring)
    await listening.takes(call)
    listening.fake.delay_s = 60.0
    dying = asyncio.ensure_future(listening.transcriber.step())
    await eventually(lambda: is_asked(listening.fake), what="the question")
    dying.cancel()
    await asyncio.wait([dying])
    listening.fake.delay_s = 0.0

    await listening.transcriber.step()
    before = await listening.transcripts(call)
    clock.forward(seconds=120)
    await listening.transcriber.step()

    assert (before, len(await listening.transcripts(call))) == ([], 1)


async def test_what_arrives_as_text_needs_nobody_to_listen(
    listening: Listening, build: Any, ring: Any
) -> None:
    call = recorded(build, ring, interaction_id="c-1")
    text = build.said(ring, "先试试", interaction_id="c-1")
    other = build.said(ring, "太贵了", interaction_id="c-2")

    await listening.takes(call)
    await listening.takes(text)
    await listening.takes(other)
    await listening.takes(recorded(build, ring, interaction_id="c-2"))
    await listening.transcriber.step()

    assert listening.fake.asked == []
    assert await listening.addresses() == [b""]


async def test_whoever_is_forgotten_is_not_listened_to(
    listening: Listening, build: Any, ring: Any
) -> None:
    await listening.service.hears(build.assigned(lead_id=(lead_id := new_id())))
    await listening.takes(recorded(build, ring))
    lead_ids = [UUID(lead_id)]

    async with listening.service.database.unit_of_work() as uow:
        kept = await kept_about(uow, lead_ids, listening.seals)
        await erase_leads(uow, lead_ids)
    await listening.transcriber.step()

    assert [each["happened_at"] for each in kept if "recorded_told_at" in each] == [NOON]
    assert (listening.fake.asked, await listening.addresses()) == ([], [b""])


async def test_without_a_recogniser_nothing_is_kept_of_recordings(
    service: Hearing, listening: Listening, build: Any, ring: Any
) -> None:
    await service.hears(recorded(build, ring))

    assert await listening.addresses() == []


def test_retries_end_before_a_day_is_over() -> None:
    leased = Leased(Recording(UUID(int=1), URL), "", NOON, 5, NOON + GIVEN_UP_AFTER)
    failure = NotHeard("timeout")

    step = next_step(leased, failure, now=NOON)
    late = next_step(leased, failure, now=NOON + timedelta(hours=21))

    assert isinstance(step, Later)
    assert step.due_at == NOON + timedelta(seconds=RETRY_DELAYS_S[4])
    assert not isinstance(late, Later)
    assert URL not in repr(leased)
