"""The kinds of field that a model can name: how each is read, compared and cut into parts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from matchkit.kinds.address import ADDRESS
from matchkit.kinds.company import COMPANY
from matchkit.kinds.date import DATE
from matchkit.kinds.digits import DIGITS
from matchkit.kinds.email import EMAIL
from matchkit.kinds.identifier import ACCOUNT, OPAQUE, PASSPORT
from matchkit.kinds.kind import Kind, Value
from matchkit.kinds.masked_phone import MASKED_PHONE
from matchkit.kinds.person_name import PERSON_NAME
from matchkit.kinds.phone import PHONE
from matchkit.kinds.place import PLACE
from matchkit.kinds.resident_id import RESIDENT_ID
from matchkit.kinds.text import TEXT
from matchkit.kinds.uscc import USCC

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "Kind", "Value"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            *(TEXT, DIGITS, DATE, EMAIL, OPAQUE, PASSPORT, ACCOUNT),
            *(PERSON_NAME, COMPANY, PHONE, MASKED_PHONE, USCC, RESIDENT_ID, PLACE, ADDRESS),
        )
    }
)
