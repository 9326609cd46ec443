"""Records as the arrays that one statement takes for a whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def columns(records: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The records' first values, their second values, and so on; there is one record at least."""
    return zip(*records, strict=True)
