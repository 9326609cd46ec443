"""Numbers that are never given twice, drawn in blocks; those of a block that are left over are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

INTERNAL_STEP = 1_000
"""By which the sequences of internal numbers grow: one call gives as many numbers."""

_DRAW = "select nextval($1::text::regclass) from generate_series(1, $2)"


class Numbers:
    """A sequence that grows by `step`, some of its numbers kept ready. Not given back by a rollback.

    `at_least` is how many steps are drawn at once.
    """

    def __init__(self, sequence: str, *, step: int = INTERNAL_STEP, at_least: int = 1) -> None:
        self._sequence = sequence
        self._step = step
        self._at_least = at_least
        self._ready: list[int] = []

    async def draw(self, raw: asyncpg.Connection, count: int) -> list[int]:
        """So many numbers that nobody else gets, growing."""
        while len(self._ready) < count:
            missing = count - len(self._ready)
            steps = max(self._at_least, -(-missing // self._step))
            rows = await raw.fetch(_DRAW, self._sequence, steps)
            self._ready += [at for (first,) in rows for at in range(first, first + self._step)]
        drawn, self._ready = self._ready[:count], self._ready[count:]
        return drawn

    def put_back(self, numbers: Sequence[int]) -> None:
        """Takes back numbers that were drawn and not used."""
        self._ready = [*numbers, *self._ready]
