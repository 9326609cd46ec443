"""The keyed digests by which a lead's person is known: on its event, on its contact points, on the suppression list."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicekit.sealing import BlindIndex

REMEMBERED_MAX = 2048
"""Digests of one batch: each is asked for two or three times while its lead is kept."""


@lru_cache(maxsize=REMEMBERED_MAX)
def digest_of(index: BlindIndex, normalised: str) -> bytes:
    """The digest of a phone, an e-mail or a WeChat id that the caller has normalised."""
    return index.of(normalised)
