"""The kinds of field that a model can name: how each is read, compared and cut into parts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from matchkit.kinds.date import DATE
from matchkit.kinds.digits import DIGITS
from matchkit.kinds.email import EMAIL
from matchkit.kinds.identifier import ACCOUNT, OPAQUE, PASSPORT
from matchkit.kinds.kind import Kind, Value
from matchkit.kinds.text import TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "Kind", "Value"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.name: kind for kind in (TEXT, DIGITS, DATE, EMAIL, OPAQUE, PASSPORT, ACCOUNT)}
)
