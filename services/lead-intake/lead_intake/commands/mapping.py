"""The mapping of deliveries, the settling of fetched bodies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import uuid_utils
from servicekit import telemetry
from servicekit.errors import Unavailable

from lead_intake.commands import rescuing
from lead_intake.commands.keeping import MAPPED_WITHOUT_PAUSE, Desk, keep_items
from lead_intake.commands.opening import Unopened, opened, rules_for
from lead_intake.domain.leads import (
    AccountId,
    AwaitingBody,
    Finding,
    Item,
    ItemState,
    LeadId,
    Origin,
    Quarantined,
    QuarantineReason,
    Understood,
    next_fetch_delay_s,
    numbered,
)
from lead_intake.reading import read_delivery, read_fetched
from lead_intake.store import deliveries, items
from lead_intake.store.items import LeasedItem, Postponement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from lead_intake.accounts import OpenAccount
    from lead_intake.channels.reading_rules import ReadingRules
    from lead_intake.store.deliveries import Delivery
    from lead_intake.store.items import KeptPlace
    from lead_intake.verifiers.protocol import Envelope


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one round of mapping did."""

    delivery_count: int
    awaiting_count: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """The outcome of fetching one leased item's body: the body, or a short code of what went wrong."""

    item: LeasedItem
    body: Any
    failure: str | None


class UnknownAccount(Unavailable):
    """A delivery's account is not known here yet; the next refresh brings it."""


async def map_received(uow: UnitOfWork, desk: Desk, *, limit: int) -> Mapped:
    """Maps the oldest deliveries that are not mapped yet, at most `limit`, and publishes what they say.

    Raises `UnknownAccount` when one came by an account that this process has not read.
    """
    claimed = await deliveries.claim(uow.raw, limit=limit)
    if not claimed:
        return Mapped(0, 0)
    replayed = [d.delivery_id for d in claimed if d.is_replayed]
    places = await items.places(uow.raw, replayed) if replayed else {}
    new: list[Item] = []
    again: list[Item] = []
    for number, delivery in enumerate(claimed, start=1):
        found = _items_of(delivery, desk)
        if delivery.is_replayed:
            new += [item for item in found if _place(item) not in places]
            again += _found_again(delivery, found, places, desk)
        else:
            new += found
        if number % MAPPED_WITHOUT_PAUSE == 0:
            await asyncio.sleep(0)
    again = await _without_repetitions(uow, again)
    fresh, rescued = await rescuing.parted(uow, new)
    await keep_items(uow, fresh, desk)
    await keep_items(uow, rescued, desk, keep=items.rescue)
    await keep_items(uow, again, desk, keep=items.settle)
    awaiting = sum(isinstance(item.finding, AwaitingBody) for item in new)
    return Mapped(len(claimed), awaiting)


async def settle_fetched(
    uow: UnitOfWork, outcomes: Sequence[Fetched], desk: Desk, *, retry_scale: float
) -> None:
    """Maps fetched bodies and publishes what they say; lets failed fetches come again until they are exhausted."""
    settled: list[Item] = []
    late: list[Postponement] = []
    for outcome in outcomes:
        failed_count = outcome.item.attempt_count + 1
        delay_s = next_fetch_delay_s(failed_count, scale=retry_scale)
        if outcome.failure is not None and delay_s is not None:
            late.append(Postponement(outcome.item.lead_id, failed_count, delay_s))
        else:
            settled.append(_settled(outcome, desk))
    await keep_items(uow, settled, desk, keep=items.settle)
    if late:
        await items.postpone(uow.raw, late)


def _items_of(delivery: Delivery, desk: Desk) -> list[Item]:
    account = _account_of(delivery.account_id, desk)
    if delivery.traceparent is None:
        return _read_items(delivery, account, desk, traceparent=None)
    with telemetry.internal_span("map delivery", parent=delivery.traceparent) as span:
        return _read_items(delivery, account, desk, traceparent=span.traceparent)


def _read_items(
    delivery: Delivery, account: OpenAccount, desk: Desk, *, traceparent: str | None
) -> list[Item]:
    try:
        envelope = opened(delivery, desk.seals)
        rules = rules_for(account, envelope)
    except Unopened as problem:
        rules = account.channel.reading
        findings: list[Finding] = [Quarantined(problem.reason, problem.place)]
    else:
        findings = read_delivery(rules, envelope.body, desk.lexicons)
        findings = _judged(findings, account.account_id, envelope, desk)
        if not delivery.is_replayed:
            desk.shapes.notice(account, rules.body, envelope.body, findings)
    origin = _origin(delivery, account, rules, traceparent)
    first = LeadId(delivery.delivery_id)
    return numbered(
        origin, findings, [first, *(_new_lead_id() for _ in findings[1:])][: len(findings)]
    )


def _judged(
    findings: list[Finding], account_id: AccountId, envelope: Envelope, desk: Desk
) -> list[Finding]:
    """The findings, of which leads that break the form of their client's version are set aside."""
    verdict = desk.forms.judge_raw(
        account_id, envelope.body, client_version=envelope.client_version
    )
    if verdict is None or verdict.is_ok:
        return findings
    broken = QuarantineReason.FORM_VIOLATION
    return [
        Quarantined(broken, verdict.detail, finding.external_id)
        if isinstance(finding, Understood)
        else finding
        for finding in findings
    ]


def _place(item: Item) -> tuple[UUID, int]:
    return item.origin.delivery_id, item.position


def _found_again(
    delivery: Delivery,
    found: Sequence[Item],
    places: Mapping[tuple[UUID, int], KeptPlace],
    desk: Desk,
) -> list[Item]:
    """What is found now about the items of a delivery that were replayed; the others are left alone."""
    findings = {item.position: item for item in found}
    account = _account_of(delivery.account_id, desk)
    origin = _origin(delivery, account, account.channel.reading, delivery.traceparent)
    gone = Quarantined(QuarantineReason.UNKNOWN_EVENT, "fan_out")
    again: list[Item] = []
    for (delivery_id, position), place in places.items():
        if delivery_id == delivery.delivery_id and place.state is ItemState.REPLAYING:
            item = findings.get(position)
            now_found = (item.origin, item.finding) if item is not None else (origin, gone)
            again.append(Item(place.lead_id, position, *now_found))
    return again


async def _without_repetitions(uow: UnitOfWork, again: list[Item]) -> list[Item]:
    """Quarantines replayed items that turn out to repeat a sender's id that has its item already."""
    asked = [(i.origin.account_id, i.finding.external_id) for i in again if i.finding.external_id]
    if not asked:
        return again
    known = await items.known_external_ids(uow.raw, asked)
    kept: list[Item] = []
    for item in again:
        key = (item.origin.account_id, item.finding.external_id)
        repeated = Quarantined(QuarantineReason.UNKNOWN_EVENT, "external_id repeated")
        first = known.setdefault(key, item.lead_id) if item.finding.external_id else item.lead_id
        finding = item.finding if first == item.lead_id else repeated
        kept.append(Item(item.lead_id, item.position, item.origin, finding))
    return kept


def _settled(outcome: Fetched, desk: Desk) -> Item:
    leased = outcome.item
    account = _account_of(leased.account_id, desk)
    finding: Finding
    if not account.is_servable:
        finding = Quarantined(QuarantineReason.SCHEMA_DRIFT, "mapping", leased.external_id)
    elif outcome.failure is None:
        finding = read_fetched(
            account.channel.reading, outcome.body, desk.lexicons, external_id=leased.external_id
        )
    else:
        finding = Quarantined(
            QuarantineReason.ENRICH_EXHAUSTED, outcome.failure, leased.external_id
        )
    origin = _origin(leased, account, account.channel.reading, leased.traceparent)
    return Item(leased.lead_id, leased.position, origin, finding)


def _account_of(account_id: AccountId, desk: Desk) -> OpenAccount:
    account = desk.accounts.with_id(account_id)
    if account is None:
        raise UnknownAccount("an account is not known here yet")
    return account


def _origin(
    source: Delivery | LeasedItem,
    account: OpenAccount,
    rules: ReadingRules,
    traceparent: str | None,
) -> Origin:
    return Origin(
        source.delivery_id,
        account.account_id,
        account.account,
        account.channel.channel,
        account.channel.trust,
        rules.version,
        source.received_at,
        traceparent,
        rules.facts,
    )


def _new_lead_id() -> LeadId:
    return LeadId(UUID(bytes=uuid_utils.uuid7().bytes))
