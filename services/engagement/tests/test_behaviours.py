"""Behaviours: found in what customers say, once for a contact, marked by hand, and streaks that raise a banner."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from engagement.commands.behaviours import Behaviours
from engagement.domain.behaviours import NoTranscript, UnknownTag
from engagement.policies.behaviours import load_behaviour_policy
from engagement.queries import behaviours as queries
from engagement.queries.follow_ups import list_contacts
from leadchain.engagement.v1.behaviour_events_pb2 import BannerRaised, BehaviourDetected
from leadchain.engagement.v1.privacy_events_pb2 import SubjectExportedFromEngagement
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.errors import InvalidMessage
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.seals import Seals
    from servicekit.sealing import KeyRing
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
POLICY = load_behaviour_policy()


async def a_lead(service: Hearing, build: Any, **named: Any) -> UUID:
    event = build.assigned(**named)
    await service.hears(event)
    return UUID(event.lead_id)


async def detected(service: Hearing) -> list[str]:
    return [event.tag for event in await service.states(BehaviourDetected)]


async def test_each_behaviour_is_stated_once_for_a_contact_with_whose_customer_it_is(
    service: Hearing, build: Any, ring: KeyRing
) -> None:
    lead_id = await a_lead(service, build)

    call = build.said(ring, "价格太高", "太贵了", "we:先试试", interaction_id="c-1")
    more = build.said(ring, "下周决策", interaction_id="c-1")
    for event in (call, more, call):
        await service.hears(event)

    stated = await service.states(BehaviourDetected)
    assert [event.tag for event in stated] == ["price_sensitive", "deciding_soon"]
    assert {(event.lead_id, event.owner_id) for event in stated} == {(str(lead_id), "rep-01")}
    assert "太贵" not in str(stated)


async def test_a_transcript_shows_what_was_found_and_keeps_what_came_before(
    service: Hearing, build: Any, ring: KeyRing, seals: Seals
) -> None:
    lead_id = await a_lead(service, build)
    for words in (["价格太高"], ["价格太高", "那签合同吧"], ["付定金"]):
        await service.hears(build.said(ring, *words, interaction_id="c-1"))
    (contact,) = await list_contacts(service.database, lead_id)

    found = await queries.get_transcript(service.database, lead_id, contact.contact_id, seals)

    assert [line.text for line in found.lines] == ["价格太高", "那签合同吧", "付定金"]
    assert [(mark.line, mark.rule_id, mark.span.start) for mark in found.marks] == [
        (0, "price", 0),
        (1, "red", 1),
        (2, "red", 0),
    ]
    other_id = await a_lead(service, build, golden_id="b" * 64)
    for asked in ((other_id, contact.contact_id), (lead_id, uuid4())):
        with pytest.raises(NoTranscript):
            await queries.get_transcript(service.database, *asked, seals)


async def test_three_contacts_in_a_row_raise_a_banner_whatever_order_they_are_told_in(
    service: Hearing, build: Any, ring: KeyRing
) -> None:
    raised = 0
    for number, order in enumerate(itertools.permutations(range(3))):
        golden_id = f"{number:064x}"
        lead_id = await a_lead(service, build, golden_id=golden_id)
        for hour in order:
            happened_at = NOON + timedelta(hours=hour)
            await service.hears(
                build.said(ring, "先试试", golden_id=golden_id, happened_at=happened_at)
            )
        raised += 1
        _, up = await queries.list_behaviours(service.database, lead_id)
        assert list(up) == ["high_conversion"]
    events = await service.states(BannerRaised)
    assert len(events) == raised
    assert {(event.text_zh, event.colour) for event in events} == {("高转化潜力客户", "yellow")}


async def test_a_contact_without_it_ends_the_streak_and_a_new_streak_raises_it_again(
    service: Hearing, build: Any, ring: KeyRing
) -> None:
    lead_id = await a_lead(service, build)

    async def says(hour: int, words: str) -> list[str]:
        happened_at = NOON + timedelta(hours=hour)
        await service.hears(build.said(ring, words, happened_at=happened_at))
        return list((await queries.list_behaviours(service.database, lead_id))[1])

    said = ["先试试", "你好", "先试试", "先试试", "先试试", "你好", "先试试", "先试试", "先试试"]
    up = [await says(hour, words) for hour, words in enumerate(said)]

    assert [bool(each) for each in up] == [False] * 4 + [True] + [False] * 3 + [True]
    assert len(await service.states(BannerRaised)) == 2


async def test_a_person_marks_a_behaviour_once_a_day_and_only_declared_ones(
    service: Hearing, build: Any, seals: Seals, clock: Any
) -> None:
    lead_id = await a_lead(service, build)
    behaviours = Behaviours(POLICY, seals)

    async def mark(tag: str, by: str) -> bool:
        async with service.database.unit_of_work() as uow:
            return await behaviours.mark(uow, lead_id, tag, by=by)

    marked = [await mark("trial_intent", by) for by in ("ana", "ana", "ben")]
    clock.forward(days=1)
    marked.append(await mark("trial_intent", "ana"))
    with pytest.raises(UnknownTag, match="'difficult' is none of price_sensitive"):
        await mark("difficult", "ana")

    assert marked == [True, False, True, True]
    assert await detected(service) == ["trial_intent"] * 3
    listed, _ = await queries.list_behaviours(service.database, lead_id)
    assert listed[0].marked_by == "ana"


async def test_behaviours_follow_a_merged_customer(
    service: Hearing, build: Any, ring: KeyRing
) -> None:
    lead_id = await a_lead(service, build)
    await service.hears(build.said(ring, "先试试", happened_at=NOON))
    await service.hears(CustomerMerged(golden_id="c" * 64, merged_golden_ids=["a" * 64]))
    for hour in (1, 2):
        happened_at = NOON + timedelta(hours=hour)
        await service.hears(build.said(ring, "先试试", happened_at=happened_at))

    listed, up = await queries.list_behaviours(service.database, lead_id)

    assert (len(listed), list(up)) == (3, ["high_conversion"])


async def test_what_does_not_open_is_set_aside(service: Hearing, build: Any, ring: KeyRing) -> None:
    broken = build.said(ring, "先试试")
    broken.interaction.sealed_content = b"broken"

    with pytest.raises(InvalidMessage, match="does not open"):
        await service.hears(broken)


async def test_words_are_nowhere_in_the_clear_and_go_with_their_person(
    service: Hearing, build: Any, ring: KeyRing
) -> None:
    lead_id = await a_lead(service, build)
    await service.hears(build.said(ring, "我是张三，先试试"))
    rows = str(await service.rows("select * from transcripts"))
    rows += str(await service.rows("select payload from outbox"))
    assert "张三".encode().hex() not in rows
    assert repr("张三".encode())[2:-1] not in rows

    asked = {"lead_ids": [str(lead_id)]}
    await service.hears(SubjectExportRequested(request_id=new_id(), **asked))
    await service.hears(SubjectErasureRequested(request_id=new_id(), **asked))

    (part,) = await service.states(SubjectExportedFromEngagement)
    told = [record for record in json.loads(part.records) if "said" in record]
    assert told[0]["said"] == ["我是张三，先试试"]
    left = await service.rows(
        "select 1 from transcripts union all select 2 from behaviours union all select 3 from banners"
    )
    assert left == []
