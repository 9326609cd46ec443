"""Identifiers that are right or wrong, never nearly right: tax numbers, open ids, passports."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from matchkit.kinds.kind import Kind, itself, whole

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("exact", "differs")


def identifier(name: str, *, check: Callable[[str], str | None]) -> Kind:
    """A kind of identifier; `check` returns the value in its one spelling, or None when invalid."""
    return Kind(
        name=name,
        levels=LEVELS,
        normalise=check,
        compare=compare,
        term=itself,
        parts={"value": whole},
    )


def compare(a: str, b: str) -> int:
    """Equal or not."""
    return 0 if a == b else 1


def opaque(raw: str) -> str | None:
    """An id whose letters' case counts (openid, unionid, external_userid): trimmed, not altered."""
    return raw.strip() or None


def passport(raw: str) -> str | None:
    """A passport number: 5 to 17 ASCII letters and digits (ICAO 9303 allows 9; some print more)."""
    if not raw.isascii():
        raw = unicodedata.normalize("NFKC", raw)
    kept = raw.replace(" ", "").replace("-", "").upper()
    return kept if kept.isascii() and kept.isalnum() and 5 <= len(kept) <= 17 else None


def caseless(raw: str) -> str | None:
    """An id that people type (a WeChat account): compatibility form, lower case, no spaces."""
    if not raw.isascii():
        raw = unicodedata.normalize("NFKC", raw)
    return "".join(raw.split()).casefold() or None


OPAQUE = identifier("identifier", check=opaque)
PASSPORT = identifier("passport", check=passport)
ACCOUNT = identifier("account", check=caseless)
