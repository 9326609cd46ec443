"""Zip archives read from the spool, entry by entry, never whole.

Hidden decision: the library reads the directory from the archive's tail; the entries are inflated here, because the
library would want a file that can be sought. What a small archive can blow up to is bounded before and while it is.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lead_intake.domain.imports import RefusedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ENTRIES_MAX = 1000
TAIL_BYTES = 256 * 1024
INFLATED_BYTES_MAX = 4 * 1024**3
RATIO_MAX = 200
RATIO_FREE_BYTES = 4 * 1024 * 1024
"""Up to here an entry may be as dense as it likes: sheets of one repeated value are small anyway."""

PIECE_BYTES = 64 * 1024

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_BAD = "the workbook is damaged"


class Bytes(Protocol):
    """What an archive is read from."""

    size: int

    async def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, fewer at the end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; sizes in bytes as the directory states them."""

    name: str
    offset: int
    packed_bytes: int
    inflated_bytes: int
    is_deflated: bool


class Archive:
    """The entries of a zip archive. Raises `RefusedFile` for one that is damaged, encrypted or too dense."""

    def __init__(self, source: Bytes, entries: dict[str, Entry]) -> None:
        self._source = source
        self._entries = entries

    @classmethod
    async def opened(cls, source: Bytes) -> Archive:
        """The archive at `source`, its directory read and checked."""
        start = max(0, source.size - TAIL_BYTES)
        tail = _Tail(await source.read(start, TAIL_BYTES), start)
        try:
            with zipfile.ZipFile(tail) as directory:
                infos = directory.infolist()
        except (zipfile.BadZipFile, OSError, struct.error, NotImplementedError):
            raise RefusedFile(_BAD) from None
        if len(infos) > ENTRIES_MAX:
            raise RefusedFile(f"the workbook has more than {ENTRIES_MAX} parts")
        return cls(source, {info.filename: _checked(info) for info in infos})

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    async def whole(self, name: str, *, bytes_max: int) -> bytes:
        """One small entry; empty where there is none."""
        if name not in self._entries:
            return b""
        found = b""
        async for piece, _ in self.pieces(name):
            found += piece
            if len(found) > bytes_max:
                raise RefusedFile(f"{name} is larger than {bytes_max} bytes")
        return found

    async def pieces(self, name: str) -> AsyncIterator[tuple[bytes, float]]:
        """The inflated bytes of an entry in pieces of at most 64 KB, and the share of it, 0 to 1, that was read."""
        entry = self._entries[name]
        offset = await self._data_offset(entry)
        inflate = zlib.decompressobj(-15) if entry.is_deflated else None
        inflated = read = 0
        while read < entry.packed_bytes:
            packed = await self._source.read(
                offset + read, min(PIECE_BYTES, entry.packed_bytes - read)
            )
            if not packed:
                raise RefusedFile(_BAD)
            read += len(packed)
            for piece in _inflated(inflate, packed):
                inflated += len(piece)
                _check_density(inflated, read)
                yield piece, read / entry.packed_bytes

    async def _data_offset(self, entry: Entry) -> int:
        header = await self._source.read(entry.offset, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise RefusedFile(_BAD)
        *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        return int(entry.offset + _LOCAL_HEADER.size + name_bytes + extra_bytes)


class _Tail(io.RawIOBase):
    """The end of a file that stands for the whole of it; reading what is before it fails."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content = io.BytesIO(content)
        self._start = start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset += self._start + len(self._content.getbuffer())
        elif whence == io.SEEK_CUR:
            offset += self._position
        if offset < 0:
            raise OSError("before the beginning")
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        if self._position < self._start:
            raise OSError("the directory is larger than the tail")
        self._content.seek(self._position - self._start)
        found = self._content.read(size)
        self._position += len(found)
        return found


def _checked(info: zipfile.ZipInfo) -> Entry:
    if info.flag_bits & 0x1:
        raise RefusedFile("the workbook is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedFile("the workbook is packed in an unusual way")
    _check_density(info.file_size, info.compress_size)
    return Entry(
        info.filename,
        info.header_offset,
        info.compress_size,
        info.file_size,
        info.compress_type == zipfile.ZIP_DEFLATED,
    )


def _check_density(inflated_bytes: int, packed_bytes: int) -> None:
    is_dense = inflated_bytes > RATIO_FREE_BYTES and inflated_bytes > RATIO_MAX * packed_bytes
    if is_dense or inflated_bytes > INFLATED_BYTES_MAX:
        raise RefusedFile("the workbook unpacks to far more than it should")


def _inflated(inflate: zlib._Decompress | None, packed: bytes) -> list[bytes]:
    """What `packed` inflates to, at most 64 KB in each piece; at most 16 MB at once."""
    if inflate is None:
        return [packed]
    pieces: list[bytes] = []
    try:
        while packed:
            pieces.append(inflate.decompress(packed, PIECE_BYTES))
            packed = inflate.unconsumed_tail
            if len(pieces) > RATIO_MAX + 64:
                raise RefusedFile("the workbook unpacks to far more than it should")
    except zlib.error:
        raise RefusedFile(_BAD) from None
    return pieces
