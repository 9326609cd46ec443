"""Follow-ups: recorded once, proved by what other systems saw, and counted when there is enough."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from engagement.commands.contacts import tell_stale
from engagement.commands.follow_ups import FollowUps
from engagement.domain.follow_ups import (
    Box,
    Evidence,
    EvidenceKind,
    EvidenceMissing,
    FollowUp,
    FollowUpTaken,
    NotTheAuthor,
    OpportunityClosed,
    Statement,
    TooFarAway,
    UnknownWord,
    UnusableFollowUp,
    Visit,
)
from engagement.domain.opportunities import UnknownOpportunity
from engagement.domain.places import Place
from engagement.queries import follow_ups as queries
from leadchain.assignment.v1.events_pb2 import LeadMerged
from leadchain.engagement.v1.follow_up_events_pb2 import (
    EVIDENCE_KIND_ATTACHMENT,
    EVIDENCE_KIND_CALL,
    FollowUpBecameEffective,
    FollowUpRecorded,
    OpportunityStale,
)
from leadchain.engagement.v1.privacy_events_pb2 import (
    SubjectErasedInEngagement,
    SubjectExportedFromEngagement,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.errors import Conflict
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.domain.follow_ups import Claim, Contact, FollowUpPolicy
    from engagement.seals import Seals
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
CALL = Evidence(EvidenceKind.CALL, seconds=120)
FILE = Evidence(
    EvidenceKind.ATTACHMENT, reference="f" * 64, media_type="image/jpeg", size_bytes=1000
)
OFFICE = Place(22.5431, 114.0579)
SAID = Statement(
    Box("price", "觉得太贵"), Box("explained_value"), Box("quote"), NOON + timedelta(days=2)
)


class Desk:
    """A rep's follow-ups on one service."""

    def __init__(self, service: Hearing, policy: FollowUpPolicy, seals: Seals) -> None:
        self.service = service
        self.commands = FollowUps(policy, seals)
        self.policy = policy
        self.seals = seals

    async def lead(self, build: Any, **named: Any) -> UUID:
        """A lead of rep-01's."""
        event = build.assigned(**named)
        await self.service.hears(event)
        return UUID(event.lead_id)

    async def record(self, lead_id: UUID, *claims: Claim, **named: Any) -> FollowUp:
        """Records a follow-up of rep-01's."""
        async with self.service.database.unit_of_work() as uow:
            return await self.commands.record(uow, wanted(lead_id, **named), claims)

    async def correct(self, follow_up: FollowUp, *, version: int, **named: Any) -> FollowUp:
        """Gives a follow-up other words."""
        async with self.service.database.unit_of_work() as uow:
            return await self.commands.correct(uow, replace(follow_up, **named), version=version)

    async def put_point(self, lead_id: UUID, point: Place) -> None:
        """Says where the customer is."""
        async with self.service.database.unit_of_work() as uow:
            await self.commands.put_point(uow, lead_id, point, by="rep-01")

    async def listed(self, lead_id: UUID) -> list[FollowUp]:
        """The lead's follow-ups."""
        return await queries.list_follow_ups(
            self.service.database, lead_id, self.seals, before=None, size=20
        )

    async def contact_of(self, lead_id: UUID) -> Contact:
        """The one contact with the lead's customer."""
        (contact,) = await queries.list_contacts(self.service.database, lead_id)
        return contact


def wanted(lead_id: UUID, **named: Any) -> FollowUp:
    defaults: dict[str, Any] = {
        "follow_up_id": uuid4(),
        "author_id": "rep-01",
        "statement": SAID,
    }
    rest = {"recorded_at": NOON, "evidence": (), "is_contact": False, "policy_version": 0}
    return FollowUp(lead_id=lead_id, **(rest | defaults | named))


@pytest.fixture
def desk(service: Hearing, policy: FollowUpPolicy, seals: Seals) -> Desk:
    return Desk(service, policy, seals)


async def test_a_follow_up_is_recorded_once_however_often_it_is_sent(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    follow_up_id = uuid4()

    first = await desk.record(lead_id, FILE, follow_up_id=follow_up_id)
    again = await desk.record(lead_id, FILE, follow_up_id=follow_up_id)

    assert first == again
    assert await desk.listed(lead_id) == [first]
    (event,) = await desk.service.states(FollowUpRecorded)
    assert (event.author_id, event.next_action, event.is_contact) == ("rep-01", "quote", False)
    assert list(event.evidence) == [EVIDENCE_KIND_ATTACHMENT]


async def test_the_same_id_with_other_words_is_refused(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    recorded = await desk.record(lead_id)
    other = replace(SAID, objection=Box("timing"))

    with pytest.raises(FollowUpTaken):
        await desk.record(lead_id, follow_up_id=recorded.follow_up_id, statement=other)

    assert (await desk.listed(lead_id))[0].statement == SAID


async def test_the_same_follow_up_sent_twice_at_once_is_one(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    follow_up_id = uuid4()

    answers = await asyncio.gather(
        *(desk.record(lead_id, FILE, follow_up_id=follow_up_id) for _ in range(8))
    )

    assert len(set(answers)) == 1
    assert len(await desk.service.states(FollowUpRecorded)) == 1


async def test_a_call_counts_once_its_system_told_of_it(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)

    claimed = await desk.record(lead_id, CALL, FILE)
    assert (claimed.is_contact, claimed.effective_at) == (True, None)
    await desk.service.hears(build.interaction(duration_s=95))

    (proved,) = await desk.listed(lead_id)
    assert proved.effective_at == NOON
    assert proved.evidence[0].seconds == 95
    (event,) = await desk.service.states(FollowUpBecameEffective)
    assert set(event.counted) == {EVIDENCE_KIND_CALL, EVIDENCE_KIND_ATTACHMENT}
    assert (await desk.contact_of(lead_id)).follow_up_id == claimed.follow_up_id


async def test_a_call_that_was_told_of_first_proves_the_follow_up_at_once(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.service.hears(build.interaction())

    recorded = await desk.record(lead_id, CALL, FILE)
    second = await desk.record(lead_id, CALL, FILE)

    assert recorded.effective_at == NOON
    assert second.effective_at is None
    assert len(await desk.service.states(FollowUpBecameEffective)) == 1


async def test_a_call_that_turns_out_longer_proves_more_and_is_stated_once(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.record(lead_id, CALL, FILE)
    began = build.interaction(interaction_id="c-1", action="started", duration_s=0)
    ended = build.interaction(interaction_id="c-1", duration_s=300)

    for event in (began, ended, began, ended):
        await desk.service.hears(event)

    (proved,) = await desk.listed(lead_id)
    assert proved.evidence[0].seconds == 300
    assert len(await desk.service.states(FollowUpBecameEffective)) == 1


@pytest.mark.parametrize("first", ["claim", "report"])
async def test_what_lies_too_far_apart_is_not_the_same_call(
    desk: Desk, build: Any, first: str
) -> None:
    lead_id = await desk.lead(build)
    report = build.interaction(happened_at=NOON - timedelta(hours=25))

    if first == "report":
        await desk.service.hears(report)
    recorded = await desk.record(lead_id, CALL, FILE)
    await desk.service.hears(report)

    assert recorded.effective_at is None
    assert await desk.service.states(FollowUpBecameEffective) == []


async def test_another_customers_call_is_no_evidence_and_nothing_changes(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    other_id = await desk.lead(build, golden_id="b" * 64)
    await desk.service.hears(build.interaction(golden_id="b" * 64))
    contact_id = (await desk.contact_of(other_id)).contact_id

    with pytest.raises(EvidenceMissing, match="another customer"):
        await desk.record(lead_id, replace(CALL, contact_id=contact_id))
    with pytest.raises(EvidenceMissing, match="no call"):
        await desk.record(lead_id, replace(CALL, contact_id=uuid4()))
    with pytest.raises(EvidenceMissing, match="is no meeting"):
        await desk.record(other_id, Evidence(EvidenceKind.MEETING, contact_id=contact_id))

    assert await desk.listed(lead_id) == await desk.listed(other_id) == []
    assert await desk.service.states(FollowUpRecorded) == []


async def test_one_call_proves_one_follow_up(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.service.hears(build.interaction())
    contact_id = (await desk.contact_of(lead_id)).contact_id
    named = replace(CALL, contact_id=contact_id)
    await desk.record(lead_id, named)

    with pytest.raises(EvidenceMissing, match="proves follow-up"):
        await desk.record(lead_id, named)
    with pytest.raises(UnusableFollowUp, match="named twice"):
        await desk.record(lead_id, named, named)


async def test_a_visit_counts_at_the_customers_address_only(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    near, far = Place(22.5466, 114.0579), Place(22.5493, 114.0579)

    with pytest.raises(EvidenceMissing, match="where the customer's address is"):
        await desk.record(lead_id, Visit(near, "e" * 64))
    await desk.put_point(lead_id, OFFICE)
    recorded = await desk.record(lead_id, Visit(near, "e" * 64))
    with pytest.raises(TooFarAway, match="at most 500 m"):
        await desk.record(lead_id, Visit(far, "e" * 64))

    assert recorded.evidence[0].distance_m == pytest.approx(389, abs=2)
    assert recorded.is_contact
    assert len(await desk.listed(lead_id)) == 1


async def test_words_that_are_not_offered_are_refused_with_those_that_are(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)

    with pytest.raises(UnknownWord, match="objection: 'weather' is none of none, price"):
        await desk.record(lead_id, statement=replace(SAID, objection=Box("weather")))
    with pytest.raises(UnusableFollowUp, match="500 characters"):
        await desk.record(lead_id, statement=replace(SAID, response=Box("listened", "x" * 501)))
    with pytest.raises(UnusableFollowUp, match="due_at"):
        await desk.record(lead_id, statement=replace(SAID, due_at=None))


async def test_a_lead_that_is_unknown_or_joined_another_takes_no_follow_up(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.service.hears(LeadMerged(lead_id=str(lead_id), into_lead_id=new_id()))

    with pytest.raises(OpportunityClosed, match="joined"):
        await desk.record(lead_id)
    with pytest.raises(UnknownOpportunity):
        await desk.record(uuid4())


async def test_its_author_corrects_the_words_and_those_before_are_kept(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    recorded = await desk.record(lead_id)
    other = replace(SAID, next_action=Box("visit", "带样机"))

    corrected = await desk.correct(recorded, version=1, statement=other)

    assert (corrected.version, corrected.statement) == (2, other)
    assert await desk.listed(lead_id) == [corrected]
    rows = await desk.service.rows("select version, next_action from follow_up_wordings")
    assert rows == [(1, "quote")]
    with pytest.raises(Conflict, match="at wording 2"):
        await desk.correct(recorded, version=1, statement=SAID)
    with pytest.raises(NotTheAuthor):
        await desk.correct(recorded, version=2, author_id="rep-02")


async def test_reported_contacts_follow_a_merged_customer(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.record(lead_id, CALL, FILE)
    await desk.service.hears(CustomerMerged(golden_id="c" * 64, merged_golden_ids=["a" * 64]))

    await desk.service.hears(build.interaction(golden_id="a" * 64))

    assert (await desk.contact_of(lead_id)).golden_id == "c" * 64
    assert len(await desk.service.states(FollowUpBecameEffective)) == 1


async def test_a_fact_about_nobody_known_proves_nothing(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.record(lead_id, CALL, FILE)

    await desk.service.hears(build.interaction(golden_id=""))

    assert await desk.service.states(FollowUpBecameEffective) == []


async def test_an_opportunity_that_nobody_looks_after_is_told_of_once_for_each_stretch(
    desk: Desk, build: Any, clock: Any
) -> None:
    lead_id = await desk.lead(build)

    async def told() -> int:
        async with desk.service.database.unit_of_work() as uow:
            assert not await tell_stale(uow, desk.policy)
        return len(await desk.service.states(OpportunityStale))

    clock.forward(hours=71)
    assert await told() == 0
    await desk.record(lead_id)  # without evidence: nothing was done
    clock.forward(hours=1)
    assert (await told(), await told()) == (1, 1)
    mail = build.interaction(kind=intake.INTERACTION_KIND_EMAIL, happened_at=clock.now)
    await desk.service.hears(mail)
    clock.forward(hours=71)
    assert await told() == 1
    clock.forward(hours=1)
    assert await told() == 2


async def test_weekly_effort_counts_what_can_be_shown(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.service.hears(build.interaction())
    await desk.record(lead_id, CALL, FILE)
    await desk.record(lead_id, CALL)
    await desk.record(lead_id, author_id="rep-02")

    since, rows = await queries.weekly_effort(desk.service.database, NOON, UTC)

    assert since == datetime(2026, 2, 2, tzinfo=UTC)
    assert [tuple(row) for row in rows] == [("rep-01", 2, 1, 1, 0, 1), ("rep-02", 1, 0, 0, 0, 0)]


async def test_whoever_is_forgotten_is_not_written_about_any_more(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.put_point(lead_id, OFFICE)
    recorded = await desk.record(lead_id)
    await desk.correct(recorded, version=1, statement=replace(SAID, objection=Box("need", "再看")))
    asked = {"lead_ids": [str(lead_id)]}

    await desk.service.hears(SubjectExportRequested(request_id=new_id(), **asked))
    await desk.service.hears(SubjectErasureRequested(request_id=new_id(), **asked))

    (part,) = await desk.service.states(SubjectExportedFromEngagement)
    assert json.loads(part.records)[1]["details"] == ["再看"]
    (answer,) = await desk.service.states(SubjectErasedInEngagement)
    assert answer.erased_count == 3
    (left,) = await desk.listed(lead_id)
    assert left.statement.objection == Box("need")
    assert await desk.service.rows("select golden_id from address_points") == []
    sealed = await desk.service.rows("select sealed_details from follow_up_wordings")
    assert sealed == [(b"",)]


async def test_own_words_are_nowhere_in_the_clear(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.put_point(lead_id, OFFICE)
    await desk.record(lead_id, FILE)

    rows = str(await desk.service.rows("select * from follow_ups"))
    rows += str(await desk.service.rows("select payload from outbox"))
    rows += str(await desk.service.rows("select * from address_points"))

    assert "太贵" not in rows
    assert "太贵".encode().hex() not in rows
    assert "114.0579" not in rows
