"""Consent: a receipt for each that came with a lead, and for each that was withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from servicekit.errors import Invalid

from lead_intake.domain.consents import Consent, ConsentEvent, Receipt
from lead_intake.domain.leads import Understood
from lead_intake.store import consents as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import Item
    from lead_intake.domain.subjects import Point

VERSION_LENGTH_MAX = 100
PURPOSES_MAX = 20
PURPOSE_LENGTH_MAX = 40
BASIS_LENGTH_MAX = 60
RECORDED_BY = "lead-intake"


async def record(uow: UnitOfWork, named: Sequence[tuple[Item, tuple[Point, ...]]]) -> None:
    """Writes the receipts of the consents that came with items, in the caller's transaction.

    Each item comes with how it names its person. One without a consent, or that names nobody, leaves no receipt.
    """
    receipts = [
        (receipt, [point.digest for point in points])
        for item, points in named
        for receipt in _receipts(item, uow)
    ]
    if receipts:
        await store.add(uow.raw, receipts)


async def withdraw(
    uow: UnitOfWork, points: Sequence[Point], purposes: Sequence[str], *, by: str
) -> int:
    """Writes down that a person withdrew consent, for these purposes or all; returns how many consents that ends.

    Raises `Invalid` for purposes that cannot be.
    """
    checked = _checked_purposes(purposes)
    ended = await store.end(
        uow.raw, [point.digest for point in points], purposes=checked, now=uow.now
    )
    receipt = Receipt(
        consent_id=UUID(bytes=uuid_utils.uuid7().bytes),
        event=ConsentEvent.WITHDRAWN,
        consent=Consent("", checked, "withdrawal", uow.now),
        recorded_at=uow.now,
        recorded_by=by,
        ended_at=uow.now,
    )
    await store.add(uow.raw, [(receipt, [point.digest for point in points])])
    return ended


def _receipts(item: Item, uow: UnitOfWork) -> Iterator[Receipt]:
    """The receipt of the consent that came with an item, if one did."""
    if not isinstance(item.finding, Understood) or item.finding.inquiry.consent is None:
        return
    inquiry, consent = item.finding.inquiry, item.finding.inquiry.consent
    yield Receipt(
        consent_id=item.lead_id,
        event=ConsentEvent.GIVEN,
        consent=_kept(consent),
        recorded_at=uow.now,
        recorded_by=RECORDED_BY,
        lead_id=item.lead_id,
        delivery_id=item.origin.delivery_id,
        form_version=inquiry.client_version[:VERSION_LENGTH_MAX],
    )


def _kept(consent: Consent) -> Consent:
    """A consent as a channel stated it, cut to what the columns hold."""
    purposes = [purpose.replace(",", " ")[:PURPOSE_LENGTH_MAX] for purpose in consent.purposes]
    return Consent(
        consent.notice_version[:VERSION_LENGTH_MAX],
        tuple(purposes[:PURPOSES_MAX]),
        consent.basis[:BASIS_LENGTH_MAX],
        consent.at,
    )


def _checked_purposes(purposes: Sequence[str]) -> tuple[str, ...]:
    is_right = len(purposes) <= PURPOSES_MAX and all(
        0 < len(purpose) <= PURPOSE_LENGTH_MAX and purpose.isprintable() and "," not in purpose
        for purpose in purposes
    )
    if not is_right:
        raise Invalid(f"purposes are at most {PURPOSES_MAX} words")
    return tuple(purposes)
