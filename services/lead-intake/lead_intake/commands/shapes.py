"""Learning what an account's bodies look like, and telling once what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog
import uuid_utils

from lead_intake.domain.shapes import Drift, Learnt, noticed
from lead_intake.store import shapes as store
from lead_intake.store.shapes import KeptDrift
from lead_intake.wire import shapes as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import AccountId
    from lead_intake.domain.shapes import Seen

log = structlog.get_logger()

LEARNT = msgspec.msgpack.Decoder(Learnt)
EMPTY = msgspec.msgpack.encode(Learnt())


@dataclass(frozen=True, slots=True)
class Body:
    """The shape of one delivery, and whether something in it was understood."""

    shape: Mapping[str, Seen]
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose bodies they are."""

    account_id: AccountId
    channel: str
    account: str


async def learn(uow: UnitOfWork, sender: Sender, bodies: Sequence[Body]) -> Drift:
    """Takes bodies into what is learnt of their account, and publishes `SchemaDrifted` when they are not as usual."""
    learnt = LEARNT.decode(await store.lock(uow.raw, sender.account_id, empty=EMPTY, now=uow.now))
    drift = Drift()
    for body in bodies:
        _merge(drift, noticed(learnt, body.shape, is_accepted=body.is_accepted))
    await store.put(uow.raw, sender.account_id, msgspec.msgpack.encode(learnt), now=uow.now)
    if drift:
        await _tell(uow, sender, drift)
    return drift


async def _tell(uow: UnitOfWork, sender: Sender, drift: Drift) -> None:
    drift_id = UUID(bytes=uuid_utils.uuid7().bytes)
    event = wire.schema_drifted(sender.channel, sender.account, drift)
    event.event_id = str(drift_id)
    event.occurred_at.FromDatetime(uow.now)
    uow.publish(event, key=f"{sender.channel}/{sender.account}")
    kept = KeptDrift(
        drift_id,
        sender.account_id,
        sender.channel,
        sender.account,
        event.SerializeToString(),
        uow.now,
    )
    await store.add_drift(uow.raw, kept)
    log.warning(
        "schema_drifted",
        channel=sender.channel,
        account_id=sender.account_id,
        added_count=len(drift.added),
        vanished_count=len(drift.vanished),
        changed_count=len(drift.changed),
    )


def _merge(whole: Drift, part: Drift) -> None:
    whole.added += part.added
    whole.vanished += part.vanished
    whole.changed += part.changed
    whole.grown += part.grown
