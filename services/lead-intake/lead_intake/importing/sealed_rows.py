"""Rows and parts of imports as they are kept: packed and sealed, each for its own place only."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.sealing import KeyRing

    from lead_intake.domain.imports import Refusal

Numbered = tuple[int, list[str]]
RefusedRow = tuple[int, str, str, list[str]]

_ENCODE = msgspec.msgpack.Encoder()
_ROWS = msgspec.msgpack.Decoder(list[Numbered])
_REFUSED = msgspec.msgpack.Decoder(list[RefusedRow])
_TEXTS = msgspec.msgpack.Decoder(list[str])


def seal_part(ring: KeyRing, content: bytes, import_id: UUID, number: int) -> bytes:
    """One part of a file."""
    return ring.seal(content, _part_context(import_id, number))


def open_part(ring: KeyRing, sealed: bytes, import_id: UUID, number: int) -> bytes:
    """The same, opened; raises `servicekit.sealing.SealingError`."""
    return ring.open(sealed, _part_context(import_id, number))


def seal_texts(ring: KeyRing, texts: Sequence[str], import_id: UUID, column: str) -> bytes:
    """A header or a name, for one column of one import only."""
    return ring.seal(_ENCODE.encode(list(texts)), _text_context(import_id, column))


def open_texts(ring: KeyRing, sealed: bytes, import_id: UUID, column: str) -> list[str]:
    """The same, opened; raises `servicekit.sealing.SealingError`."""
    return _TEXTS.decode(ring.open(sealed, _text_context(import_id, column)))


def seal_rows(ring: KeyRing, rows: Sequence[Numbered], chunk_id: UUID) -> bytes:
    """Rows and their numbers, packed."""
    return ring.seal(
        zlib.compress(_ENCODE.encode(rows), 1), b"import_chunks.rows/" + chunk_id.bytes
    )


def open_rows(ring: KeyRing, sealed: bytes, chunk_id: UUID) -> list[Numbered]:
    """The same, opened; raises `servicekit.sealing.SealingError`."""
    opened = ring.open(sealed, b"import_chunks.rows/" + chunk_id.bytes)
    return _ROWS.decode(zlib.decompress(opened))


def seal_refused(ring: KeyRing, refused: Sequence[Refusal], chunk_id: UUID) -> bytes | None:
    """Refused rows, packed; None where there are none."""
    if not refused:
        return None
    listed = [(each.row_number, each.reason, each.field, each.values) for each in refused]
    packed = zlib.compress(_ENCODE.encode(listed), 1)
    return ring.seal(packed, b"import_chunks.refused/" + chunk_id.bytes)


def open_refused(ring: KeyRing, sealed: bytes, chunk_id: UUID) -> list[RefusedRow]:
    """The same, opened; raises `servicekit.sealing.SealingError`."""
    opened = ring.open(sealed, b"import_chunks.refused/" + chunk_id.bytes)
    return _REFUSED.decode(zlib.decompress(opened))


def _part_context(import_id: UUID, number: int) -> bytes:
    return b"import_parts.sealed/" + import_id.bytes + number.to_bytes(4)


def _text_context(import_id: UUID, column: str) -> bytes:
    return f"imports.{column}/".encode() + import_id.bytes
