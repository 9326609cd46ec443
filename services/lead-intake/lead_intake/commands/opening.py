"""Opens stored deliveries, and says by which rules each is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from servicekit.sealing import SealingError

from lead_intake.domain.leads import QuarantineReason
from lead_intake.verifiers.protocol import Envelope

if TYPE_CHECKING:
    from lead_intake.accounts import OpenAccount
    from lead_intake.channels.reading_rules import ReadingRules
    from lead_intake.seals import Seals
    from lead_intake.store.deliveries import Delivery

_ENVELOPE = msgspec.msgpack.Decoder(Envelope)


class Unopened(Exception):  # noqa: N818 - errors are named by what is wrong
    """A stored delivery cannot be read; `reason` says why, `place` what is at fault."""

    def __init__(self, reason: QuarantineReason, place: str = "body") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


def opened(delivery: Delivery, seals: Seals) -> Envelope:
    """The envelope of a delivery; raises `Unopened`."""
    if delivery.raw is None:
        raise Unopened(QuarantineReason.RAW_EXPIRED)
    try:
        envelope = _ENVELOPE.decode(seals.open_delivery(delivery.raw, delivery.delivery_id))
    except (SealingError, msgspec.DecodeError):
        raise Unopened(QuarantineReason.UNDECODABLE) from None
    if not envelope.is_opened:
        raise Unopened(QuarantineReason.DECRYPT_FAILED_AFTER_AUTH)
    return envelope


def rules_for(account: OpenAccount, envelope: Envelope) -> ReadingRules:
    """The rules by which a delivery of the account is read; raises `Unopened` when its mapping no longer fits."""
    if not account.is_servable:
        raise Unopened(QuarantineReason.SCHEMA_DRIFT, "mapping")
    channel = account.channel
    if envelope.source == "pull" and channel.pull is not None:
        return channel.pull
    return channel.reading
