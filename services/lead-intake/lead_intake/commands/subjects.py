"""Requests about people: taken, asked of every service, answered, completed or late.

A request waits a moment before the leads are looked for: by then every replica knows that the person is suppressed, so
no lead of theirs is let in behind the request's back.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
import uuid_utils
from servicekit.errors import Invalid, InvalidMessage, NotFound

from lead_intake.commands import subjects_erasure, subjects_export
from lead_intake.domain.leads import Stated, Understood
from lead_intake.domain.subjects import (
    ANSWER_WITHIN,
    LEADS_MAX,
    RESULT_KEPT,
    NewRequest,
    NotDownloadable,
    Point,
    PointKind,
    RequestId,
    RequestKind,
    RequestState,
    TooManyLeads,
    checked_reason,
    email_key,
    strongest,
    waited_for,
    wechat_key,
)
from lead_intake.domain.suppressions import NewSuppression, Purpose
from lead_intake.store import subjects as store
from lead_intake.store import subjects_erasure as kept
from lead_intake.store import suppressions
from lead_intake.wire import subjects as wire
from lead_intake.wire.contact_indexes import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import Contact, Finding, Item
    from lead_intake.domain.subjects import Answer, SubjectRequest
    from lead_intake.seals import Seals

log = structlog.get_logger()

SETTLE = timedelta(seconds=3)
"""How long a request waits: three times as long as a replica may not know of a suppression."""

OVERDUE_AT_ONCE = 50
RESULT_CONTEXT = b"subject_requests.result/"
PART_CONTEXT = b"subject_answers.records/"


def points_of(contact: Contact, seals: Seals) -> tuple[Point, ...]:
    """How a contact names its person: keyed HMACs of each complete phone, of the e-mail and of each WeChat id."""
    return tuple(dict.fromkeys(_points(contact, seals)))


async def record_points(uow: UnitOfWork, named: Sequence[tuple[Item, tuple[Point, ...]]]) -> None:
    """Writes down how accepted items name their people, so that they are found again."""
    rows: list[tuple[UUID, Point, datetime]] = [
        (item.lead_id, point, item.origin.received_at)
        for item, points in named
        for point in points or (NAMELESS,)
    ]
    if rows:
        await store.add_points(uow.raw, rows)


def contact_in(finding: Finding) -> Contact | None:
    """Whom a finding is about; None where nothing was accepted."""
    match finding:
        case Understood(inquiry):
            return inquiry.contact
        case Stated(fact):
            return fact.subject.contact
        case _:
            return None


async def points_of_lead(uow: UnitOfWork, lead_id: UUID) -> tuple[Point, ...]:
    """The one point that stands best for a lead's person, none where nothing names them; raises `NotFound`."""
    if not await store.has_lead(uow.raw, lead_id):
        raise NotFound("no such lead")
    point = strongest(await store.points_of_lead(uow.raw, lead_id))
    return () if point is None else (point,)


async def take_request(uow: UnitOfWork, new: NewRequest) -> None:
    """Takes a request; an erasure suppresses its person at once. A request with a known id changes nothing.

    Raises `Invalid` for a reason that may not be kept, `TooManyLeads` when no single person is named.
    """
    checked_reason(new.reason)
    digests = [point.digest for point in new.points]
    found = await store.leads_named(
        uow.raw, digests, named_lead_id=new.named_lead_id, limit=LEADS_MAX + 1
    )
    if len(found) > LEADS_MAX:
        raise TooManyLeads(f"more than {LEADS_MAX} leads share this contact point")
    is_new = await store.add_request(uow.raw, new, now=uow.now, due_at=uow.now + ANSWER_WITHIN)
    if is_new and new.kind is RequestKind.ERASURE and new.points:
        entry = NewSuppression(new.points, Purpose.ALL, "erasure", new.requested_by, new.request_id)
        await suppressions.put(uow.raw, entry, now=uow.now)


async def ask_services(uow: UnitOfWork, seals: Seals, *, settle: timedelta) -> bool:
    """Does this service's part of the oldest request and asks the others for theirs; False when none is due.

    While an event about one of the leads has yet to leave, the request waits for it.
    """
    request = await store.lock_received(uow.raw, before=uow.now - settle)
    if request is None:
        return False
    lead_ids = await store.leads_named(
        uow.raw, request.subject_indexes, named_lead_id=request.named_lead_id, limit=LEADS_MAX
    )
    if await kept.has_unpublished(uow.raw, lead_ids):
        return False
    await store.mark_asked(uow.raw, request.request_id, lead_ids)
    asked = await store.request(uow.raw, request.request_id)
    assert asked is not None
    if asked.kind is RequestKind.ERASURE:
        own = await subjects_erasure.erase(uow, asked, seals)
        uow.publish(wire.erasure_requested(asked), key=str(asked.request_id))
    else:
        own = await subjects_export.gather(uow, asked, seals)
        uow.publish(wire.export_requested(asked), key=str(asked.request_id))
    for answer in own:
        await _keep(uow, answer, seals)
    return True


async def take_answer(uow: UnitOfWork, answer: Answer, seals: Seals) -> None:
    """Keeps a service's answer and completes the request with the last one; a repeated answer changes nothing.

    Raises `InvalidMessage` when nobody has asked.
    """
    request = await store.lock_request(uow.raw, answer.request_id)
    if request is None:
        raise InvalidMessage("nobody has asked for this")
    if request.state is RequestState.COMPLETED:
        return
    await _keep(uow, answer, seals)
    answered = await store.answered(uow.raw, request.request_id)
    if waited_for(answered):
        return
    sealed_result = await _result(uow, request, seals)
    await store.mark_completed(
        uow.raw, request.request_id, now=uow.now, sealed_result=sealed_result
    )
    uow.publish(wire.completed(request, answered), key=str(request.request_id))
    log.info("subject_request_completed", request_id=str(request.request_id))


async def raise_overdue(uow: UnitOfWork) -> bool:
    """Raises the alarm for requests that somebody is late with, once each; says whether there may be more."""
    late = await store.mark_overdue(uow.raw, now=uow.now, limit=OVERDUE_AT_ONCE)
    for request in late:
        services = waited_for(await store.answered(uow.raw, request.request_id))
        uow.publish(wire.overdue(request, services), key=str(request.request_id))
        log.error("subject_request_overdue", request_id=str(request.request_id), services=services)
    return len(late) == OVERDUE_AT_ONCE


async def download(
    uow: UnitOfWork, request_id: RequestId, *, requester: str, seals: Seals
) -> bytes:
    """A completed export, which is gone with the transaction; raises `NotDownloadable`."""
    sealed = await store.take_result(
        uow.raw, request_id, requester=requester, since=uow.now - RESULT_KEPT, now=uow.now
    )
    if sealed is None:
        raise NotDownloadable("there is no export of yours to download")
    return seals.ring.open(sealed, RESULT_CONTEXT + request_id.bytes)


def request_id_of(text: str) -> RequestId:
    """The id that a caller chose, or a new one where they chose none; raises `Invalid`."""
    try:
        return RequestId(UUID(text) if text else UUID(bytes=uuid_utils.uuid7().bytes))
    except ValueError:
        raise Invalid("a request's id is a UUID") from None


NAMELESS = Point(PointKind.NONE, b"")


def _points(contact: Contact, seals: Seals) -> Iterator[Point]:
    for phone in (contact.phone_e164, *contact.other_phones):
        if phone:
            yield Point(PointKind.PHONE, digest_of(seals.phones, phone))
    if contact.email:
        yield Point(PointKind.EMAIL, digest_of(seals.emails, email_key(contact.email)))
    for wechat in (contact.wechat, contact.openid, contact.unionid, contact.external_userid):
        if wechat:
            yield Point(PointKind.WECHAT, digest_of(seals.wechats, wechat_key(wechat)))


async def _keep(uow: UnitOfWork, answer: Answer, seals: Seals) -> None:
    sealed = None
    if answer.records is not None:
        sealed = seals.ring.seal(answer.records, PART_CONTEXT + answer.request_id.bytes)
    await store.add_answer(uow.raw, answer, sealed_records=sealed, now=uow.now)


async def _result(uow: UnitOfWork, request: SubjectRequest, seals: Seals) -> bytes | None:
    if request.kind is RequestKind.ERASURE:
        return None
    context = PART_CONTEXT + request.request_id.bytes
    parts = [
        (service, seals.ring.open(sealed, context))
        for service, sealed in await store.answer_parts(uow.raw, request.request_id)
    ]
    document = json.dumps(wire.export_document(request, parts), ensure_ascii=False).encode()
    return seals.ring.seal(document, RESULT_CONTEXT + request.request_id.bytes)
