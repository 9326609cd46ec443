"""A person is forgotten: by lead-intake at once, by the others as they answer, and stays forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from google.protobuf.message import DecodeError
from leadchain.intake.v1 import privacy_events_pb2 as events
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import Contact, LeadFacts, LeadReceived
from servicekit.sealing import KeyRing, SealingError
from servicekit.testing.waiting import eventually

from .conftest import ASKED, PHONE

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = (PHONE, "138****8004", "赵六", "示例精密制造", "somebody@example.com")


async def test_nothing_that_is_kept_says_whose_the_lead_was(rights: Any, samples: Any) -> None:
    lead_id = await rights.post(email="somebody@example.com")
    other_id = await rights.post(mobile="13800138001", name="钱七", company="")
    ring = KeyRing.parse(f"k1:{samples.key}")
    assert await said(rights.intake.rows, ring) == set(SAMPLES)

    request_id = await rights.erase(phone=PHONE)

    assert await said(rights.intake.rows, ring) == set()
    (event,) = await rights.states(events.SubjectErasureRequested)
    assert (event.request_id, list(event.lead_ids)) == (request_id, [lead_id])
    other = await rights.intake.rows.fetchrow("select * from items where lead_id = $1", other_id)
    facts = LeadFacts.FromString(other["facts"])
    opened = Contact.FromString(ring.open(facts.sealed_contact, other["lead_id"].bytes))
    assert opened.phone_e164 == "+8613800138001"


async def test_a_request_is_complete_when_all_have_answered_and_tells_what_was_kept(
    rights: Any,
) -> None:
    await rights.post()
    request_id = await rights.erase(phone=PHONE)

    await rights.answer(request_id, *ASKED, erased_count=2, holds=["a ledger"])

    found = await rights.completed(request_id)
    assert {answer.service for answer in found.answers if answer.is_complete} == {
        "lead-intake", *ASKED,
    }  # fmt: skip
    (event,) = await rights.states(events.SubjectRequestCompleted)
    assert (event.request_id, event.lead_count) == (request_id, 1)
    assert event.record_count >= 2 * len(ASKED) + 2
    assert "identity: a ledger" in event.holds


async def test_answers_that_come_twice_complete_a_request_once(rights: Any) -> None:
    request_id = await rights.erase(phone=PHONE)

    await rights.answer(request_id, *ASKED[:-1], *ASKED[:-1])
    await rights.answer(request_id, ASKED[-1], ASKED[-1])
    await rights.completed(request_id)
    await rights.answer(request_id, *ASKED)

    async def are_handled() -> bool:
        handled: int = await rights.intake.rows.fetchval("select count(*) from inbox")
        return handled >= 3 * len(ASKED)

    await eventually(are_handled, deadline_s=20, what="every answer is handled")
    assert len(await rights.states(events.SubjectRequestCompleted)) == 1
    answers = await rights.intake.rows.fetchval("select count(*) from subject_answers")
    assert answers == len(ASKED) + 1


async def test_a_service_that_is_late_raises_the_alarm_once_and_may_still_answer(
    rights: Any,
) -> None:
    request_id = await rights.erase(phone=PHONE)
    await rights.answer(request_id, *ASKED[1:])
    await rights.intake.rows.execute("update subject_requests set due_at = now() - interval '1 s'")

    async def is_told() -> list[events.SubjectRequestOverdue]:
        found: list[events.SubjectRequestOverdue] = await rights.states(
            events.SubjectRequestOverdue
        )
        return found

    (alarm,) = await eventually(is_told, what="the alarm")
    found = await rights.request(request_id)
    await rights.answer(request_id, ASKED[0])
    await rights.completed(request_id)

    assert next(iter(alarm.services)) == "identity"
    assert found.request.is_overdue
    assert len(await rights.states(events.SubjectRequestOverdue)) == 1


async def test_an_answer_that_nobody_asked_for_is_set_aside(rights: Any) -> None:
    await rights.answer(str(uuid4()), "identity")

    async def is_set_aside() -> bool:
        return bool(await rights.intake.rows.fetchval("select count(*) from dead_letters"))

    await eventually(is_set_aside, what="a dead letter")


async def test_an_erased_person_who_asks_again_is_rejected(rights: Any) -> None:
    await rights.post()
    await rights.erase(phone=PHONE)

    await rights.post(name="another spelling")

    newest = (await rights.intake.items())[-1]
    assert (newest["reason"], newest["facts"]) == ("suppressed", None)


async def test_an_erasure_leaves_a_certificate_and_ends_the_consents(rights: Any) -> None:
    await rights.post()
    request_id = await rights.erase(phone=PHONE)

    listed = await rights.call("ListCertificates", pb.ListCertificatesRequest())

    (certificate,) = listed.certificates
    assert (certificate.data_class, certificate.run) == ("subject_contact", request_id)
    assert certificate.deleted_count == 2
    assert len(certificate.digest) == 64
    assert await rights.intake.rows.fetchval("select bool_and(ended_at is not null) from consents")


async def test_a_person_is_named_by_one_of_their_leads(rights: Any) -> None:
    first, second = await rights.post(), await rights.post(name="另一个名字")

    request_id = await rights.erase(lead_id=first)

    found = await rights.request(request_id)
    assert found.request.lead_count == 2
    (event,) = await rights.states(events.SubjectErasureRequested)
    assert set(event.lead_ids) == {first, second}


async def test_a_request_with_a_known_id_is_the_same_request(rights: Any) -> None:
    request = pb.RequestErasureRequest(
        subject=pb.Subject(phone=PHONE), reason="DSR-1", request_id=str(uuid4())
    )

    for _ in range(2):
        answer = await rights.call("RequestErasure", request)
        assert answer.request_id == request.request_id

    listed = await rights.call("ListSubjectRequests", pb.ListSubjectRequestsRequest())
    assert len(listed.requests) == 1


async def test_nothing_personal_is_logged_on_the_way(rights: Any, capfd: Any) -> None:
    await rights.post(email="somebody@example.com")
    request_id = await rights.erase(phone=PHONE)
    await rights.answer(request_id, *ASKED)
    await rights.completed(request_id)

    written = "".join(capfd.readouterr())
    assert not [sample for sample in SAMPLES if sample in written]


async def said(rows: Any, ring: KeyRing) -> set[str]:
    """Which samples anything in the database says, sealed values opened."""
    return {
        sample
        for content in [found async for found in everything(rows, ring)]
        for sample in SAMPLES
        if sample.encode() in content
    }


async def everything(rows: Any, ring: KeyRing) -> Any:
    """Every value of every column of every table, and what opens in it under the contexts that are in use."""
    contexts = [row[0].bytes for row in await rows.fetch("select lead_id from items")]
    tables = await rows.fetch("select tablename from pg_tables where schemaname = 'public'")
    for (table,) in tables:
        for row in await rows.fetch(f'select * from "{table}"'):
            for value in row.values():
                yield str(value).encode()
                if isinstance(value, bytes):
                    yield value
                    for opened in opened_values(value, contexts, ring):
                        yield opened


def opened_values(value: bytes, contexts: list[bytes], ring: KeyRing) -> Iterator[bytes]:
    """What a value holds that is sealed for its row: the value itself, or the contact of the facts that it is."""
    sealed = [value]
    for kind in (LeadFacts, LeadReceived):
        try:
            message = kind.FromString(value)
        except DecodeError:
            continue
        facts = message if isinstance(message, LeadFacts) else message.facts
        sealed.append(facts.sealed_contact)
    for candidate in sealed:
        for context in contexts:
            try:
                yield ring.open(candidate, context)
            except SealingError:
                continue
