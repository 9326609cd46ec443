"""Golden records and their values as bytes: canonical JSON, sealed for the row that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from identity.domain.golden import GoldenRecord, Value

if TYPE_CHECKING:
    from servicekit.sealing import KeyRing

_ENCODER = msgspec.json.Encoder(order="deterministic")
_RECORDS = msgspec.json.Decoder(GoldenRecord)
_VALUES = msgspec.json.Decoder(Value)


def canonical(record: GoldenRecord) -> bytes:
    """The one text of a record: equal records give equal bytes."""
    return _ENCODER.encode(record)


class GoldenSeals:
    """Seals what golden records keep; opening raises `servicekit.sealing.SealingError`."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal_record(self, customer_id: int, record: GoldenRecord) -> bytes:
        """A record, for the customer with this number only."""
        return self._ring.seal(canonical(record), _record_context(customer_id))

    def open_record(self, customer_id: int, sealed: bytes) -> GoldenRecord:
        """What `seal_record` sealed."""
        return _RECORDS.decode(self._ring.open(sealed, _record_context(customer_id)))

    def seal_value(self, customer_id: int, field: str, value: Value | None) -> bytes | None:
        """A value of a change, for this customer and field only; None stays None."""
        if value is None:
            return None
        return self._ring.seal(_ENCODER.encode(value), _value_context(customer_id, field))

    def open_value(self, customer_id: int, field: str, sealed: bytes | None) -> Value | None:
        """What `seal_value` sealed."""
        if sealed is None:
            return None
        return _VALUES.decode(self._ring.open(sealed, _value_context(customer_id, field)))

    def seal_pin(self, golden_id: str, field: str, text: str) -> bytes:
        """A steward's text, for this Golden ID and field only."""
        return self._ring.seal(text.encode(), _pin_context(golden_id, field))

    def open_pin(self, golden_id: str, field: str, sealed: bytes) -> str:
        """What `seal_pin` sealed."""
        return self._ring.open(sealed, _pin_context(golden_id, field)).decode()


def _record_context(customer_id: int) -> bytes:
    return f"golden_records/{customer_id}".encode()


def _value_context(customer_id: int, field: str) -> bytes:
    return f"golden_changes/{customer_id}/{field}".encode()


def _pin_context(golden_id: str, field: str) -> bytes:
    return f"golden_pins/{golden_id}/{field}".encode()
