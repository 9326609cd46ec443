"""How engagement seals what is personal, and the keyed ids of what other systems report."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from servicekit.sealing import BlindIndex

from engagement.domain.behaviours import Line, Mark
from engagement.domain.places import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.sealing import KeyRing

_ID_BYTES = 16


class Seals:
    """Seals with the ring's active key, opens with any; errors are those of `servicekit.sealing`.

    What is sealed is bound to the id of what it belongs to, so that it does not open elsewhere. `index_key` is base64
    of 32 bytes.
    """

    def __init__(self, ring: KeyRing, index_key: str) -> None:
        self.ring = ring
        self._contacts = BlindIndex.parse(index_key, "engagement/contact")
        self._contracts = BlindIndex.parse(index_key, "engagement/contract")
        self._payments = BlindIndex.parse(index_key, "engagement/payment")
        self._tickets = BlindIndex.parse(index_key, "engagement/ticket")
        self._risks = BlindIndex.parse(index_key, "engagement/risk")

    def seal_details(self, follow_up_id: UUID, details: Sequence[str]) -> bytes:
        """A rep's own words, box by box."""
        return self.ring.seal(msgspec.json.encode(list(details)), follow_up_id.bytes)

    def open_details(self, follow_up_id: UUID, sealed: bytes) -> list[str]:
        """What `seal_details` sealed; empty boxes for what was erased."""
        if not sealed:
            return ["", "", ""]
        return msgspec.json.decode(self.ring.open(sealed, follow_up_id.bytes), type=list[str])

    def seal_point(self, lead_id: UUID, point: Place) -> bytes:
        """Where a customer's address is."""
        return self.ring.seal(msgspec.json.encode([point.latitude, point.longitude]), lead_id.bytes)

    def open_point(self, lead_id: UUID, sealed: bytes) -> Place:
        """What `seal_point` sealed."""
        latitude, longitude = msgspec.json.decode(
            self.ring.open(sealed, lead_id.bytes), type=tuple[float, float]
        )
        return Place(latitude, longitude)

    def seal_transcript(
        self, contact_id: UUID, lines: Sequence[Line], marks: Sequence[Mark]
    ) -> bytes:
        """What was said in a contact, and where something was found in it."""
        return self.ring.seal(msgspec.json.encode((lines, marks)), contact_id.bytes)

    def open_transcript(
        self, contact_id: UUID, sealed: bytes
    ) -> tuple[tuple[Line, ...], tuple[Mark, ...]]:
        """What `seal_transcript` sealed."""
        lines, marks = msgspec.json.decode(
            self.ring.open(sealed, contact_id.bytes),
            type=tuple[tuple[Line, ...], tuple[Mark, ...]],
        )
        return lines, marks

    def seal_recording(self, contact_id: UUID, url: str) -> bytes:
        """Where a contact can be heard."""
        return self.ring.seal(url.encode(), contact_id.bytes)

    def open_recording(self, contact_id: UUID, sealed: bytes) -> str:
        """What `seal_recording` sealed."""
        return self.ring.open(sealed, contact_id.bytes).decode()

    def seal_answers(self, task_id: UUID, answers: Sequence[str], return_reason: str) -> bytes:
        """What people wrote about a task: their answers, and why those came back."""
        return self.ring.seal(msgspec.json.encode((answers, return_reason)), task_id.bytes)

    def open_answers(self, task_id: UUID, sealed: bytes) -> tuple[tuple[str, ...], str]:
        """What `seal_answers` sealed; nothing for what was erased."""
        if not sealed:
            return (), ""
        return msgspec.json.decode(
            self.ring.open(sealed, task_id.bytes), type=tuple[tuple[str, ...], str]
        )

    def open_content(self, item_id: UUID, sealed: bytes) -> bytes:
        """What lead-intake sealed of an interaction: a serialised `InteractionContent`."""
        return self.ring.open(sealed, item_id.bytes)

    def contact_id(self, channel: str, account: str, own_id: str) -> UUID:
        """The id of a contact that a system calls `own_id`: each telling of it has the same."""
        return _keyed(self._contacts, channel, account, own_id)

    def contract_id(self, channel: str, account: str, own_id: str) -> UUID:
        """The id of a contract, likewise."""
        return _keyed(self._contracts, channel, account, own_id)

    def payment_id(self, channel: str, account: str, own_id: str) -> UUID:
        """The id of a payment, likewise."""
        return _keyed(self._payments, channel, account, own_id)

    def ticket_id(self, channel: str, account: str, own_id: str) -> UUID:
        """The id of a ticket of a support system, likewise."""
        return _keyed(self._tickets, channel, account, own_id)

    def risk_id(self, channel: str, account: str, own_id: str) -> UUID:
        """The id of a risk in a register of companies, likewise."""
        return _keyed(self._risks, channel, account, own_id)


def _keyed(index: BlindIndex, channel: str, account: str, own_id: str) -> UUID:
    name = f"{len(channel)}:{channel}|{len(account)}:{account}|{own_id}"
    return UUID(bytes=index.of(name)[:_ID_BYTES])
