"""The spool: an uploaded file, read from its sealed parts."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from lead_intake.domain.imports import PART_BYTES, RefusedFile
from lead_intake.importing.sealed_rows import open_part
from lead_intake.store import imports_parts

if TYPE_CHECKING:
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

    from lead_intake.domain.imports import ImportId

PARTS_OPEN = 3


class Spool:
    """Bytes of one import, at most three parts of them in memory. `size` is that of the whole file."""

    def __init__(self, database: Database, ring: KeyRing, import_id: ImportId, size: int) -> None:
        self.size = size
        self._database = database
        self._ring = ring
        self._import_id = import_id
        self._open: OrderedDict[int, bytes] = OrderedDict()

    async def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, fewer at the end; raises `RefusedFile` when they are gone."""
        end = min(offset + count, self.size)
        if offset >= end or offset < 0:
            return b""
        first, last = offset // PART_BYTES, (end - 1) // PART_BYTES
        found = b"".join([await self._part(number) for number in range(first, last + 1)])
        start = offset - first * PART_BYTES
        return found[start : start + end - offset]

    async def _part(self, number: int) -> bytes:
        content = self._open.get(number)
        if content is None:
            async with self._database.raw() as raw:
                sealed = await imports_parts.part(raw, self._import_id, number)
            if sealed is None:
                raise RefusedFile("the file is not kept any longer; upload it again")
            content = open_part(self._ring, sealed, self._import_id, number)
            self._open[number] = content
            if len(self._open) > PARTS_OPEN:
                self._open.popitem(last=False)
        return content
