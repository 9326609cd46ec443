"""The texts that a workbook keeps apart from its sheets, packed: cells name them by number.

Hidden decision: memory. Five million texts as Python objects take 500 MB. They are kept in packed blocks, and only the
blocks last asked for are open; cells ask in about the order in which the texts were written.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from lead_intake.domain.imports import RefusedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK_TEXTS = 2048
BLOCKS_OPEN = 96
PACKED_BYTES_MAX = 160 * 1024 * 1024
CELL_CHARS_MAX = 32 * 1024

_BETWEEN = "\x00"


class SharedStrings:
    """Texts by number, in the order in which they are added. XML holds no NUL, which keeps them apart."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._packed_bytes = 0
        self._filling: list[str] = []
        self._block = lru_cache(maxsize=BLOCKS_OPEN)(self._unpacked)

    def add(self, text: str) -> None:
        """Keeps one more; raises `RefusedFile` when all together take too much."""
        self._filling.append(text[:CELL_CHARS_MAX])
        if len(self._filling) == BLOCK_TEXTS:
            self._pack()

    def extend(self, texts: Sequence[bytes]) -> None:
        """Keeps more of them, in UTF-8; raises `RefusedFile` as `add` does, and for what is no UTF-8."""
        try:
            for text in texts:
                self.add(text.decode())
        except UnicodeDecodeError:
            raise RefusedFile("the workbook is not well formed") from None

    def _pack(self) -> None:
        packed = zlib.compress(_BETWEEN.join(self._filling).encode(), 1)
        self._packed_bytes += len(packed)
        if self._packed_bytes > PACKED_BYTES_MAX:
            raise RefusedFile("the workbook holds too much text")
        self._blocks.append(packed)
        self._filling = []

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        block, place = divmod(number, BLOCK_TEXTS)
        texts = self._filling if block == len(self._blocks) else self._block(block)
        return texts[place]

    def _unpacked(self, block: int) -> list[str]:
        return zlib.decompress(self._blocks[block]).decode().split(_BETWEEN)
