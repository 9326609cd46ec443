"""What comparisons with a sender's own list come to: leads that had not come are stored, and the watermark moves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import uuid_utils

from lead_intake.commands.silence import event_key
from lead_intake.domain.pulls import delay_after, is_to_be_told
from lead_intake.store import pulls
from lead_intake.store.deliveries import Arrival
from lead_intake.store.pulls import Setback
from lead_intake.store.silence import PULLED_KEY
from lead_intake.verifiers.protocol import Envelope
from lead_intake.wire import pulls as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import Database, UnitOfWork

    from lead_intake.accounts import OpenAccount
    from lead_intake.domain.pulls import Failure
    from lead_intake.seals import Seals
    from lead_intake.store.pulls import LeasedPull
    from lead_intake.vendors.pulling import PulledLead
    from lead_intake.workers.group_commit import GroupCommit

STORED_AT_ONCE = 100
"""Fewer than senders may have under way: what is fetched never fills the door's queue."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where what is fetched goes."""

    database: Database
    commits: GroupCommit
    seals: Seals


async def backfill(stores: Stores, account: OpenAccount, leads: Sequence[PulledLead]) -> int:
    """Stores those of a sender's leads that have no item here, the way the door does; returns how many.

    Each is stored once, however often it is pulled. Raises `Unavailable` when one may not be stored.
    """
    named = {lead.external_id: lead for lead in leads if lead.external_id}
    async with stores.database.raw() as raw:
        known = await pulls.known(raw, account.account_id, list(named))
    missing = [lead for external_id, lead in named.items() if external_id not in known]
    for first in range(0, len(missing), STORED_AT_ONCE):
        part = missing[first : first + STORED_AT_ONCE]
        arrivals = [_arrival(lead, account, stores.seals) for lead in part]
        await asyncio.gather(*(stores.commits.store(arrival) for arrival in arrivals))
    return len(missing)


@dataclass(frozen=True, slots=True)
class Turn:
    """One account's turn to be compared, under its lease; `scale` multiplies the delay until the next."""

    leased: LeasedPull
    lease_id: UUID
    account: OpenAccount
    scale: float


async def set_back(uow: UnitOfWork, turn: Turn, failure: Failure) -> None:
    """Keeps a failure and, when people have to know, publishes it once."""
    leased, account = turn.leased, turn.account
    count = leased.failure_count + 1 if failure.is_worth_telling else 0
    setback = Setback(
        failure.code[:60],
        count,
        failure.is_permanent,
        is_to_be_told(failure, failure_count=count),
    )
    next_in = delay_after(failure, failure_count=count) * turn.scale
    is_telling = await pulls.fail(
        uow.raw, leased.account_id, setback, lease_id=turn.lease_id, next_in=next_in
    )
    if is_telling:
        place = {"channel": account.channel.channel, "account": account.account}
        event = wire.pull_failed(setback, compared_until=leased.compared_until, **place)
        uow.publish(event, key=event_key(**place))


def _arrival(lead: PulledLead, account: OpenAccount, seals: Seals) -> Arrival:
    delivery_id = uuid_utils.uuid7()
    envelope = Envelope(lead.body, content_type="application/json", source="pull")
    return Arrival(
        delivery_id,  # type: ignore[arg-type]  # has what the driver reads, without a conversion
        account.account_id,
        PULLED_KEY + seals.body_key(lead.external_id.encode()),
        seals.ring.seal(msgspec.msgpack.encode(envelope), delivery_id.bytes),
        "",
    )
