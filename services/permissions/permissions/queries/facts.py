"""What can be read of facts: pages of them, and how far the replicas have come."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

from permissions.store import facts, replicas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from accesskit.facts import Fact
    from servicekit.database import Database

    from permissions.domain.facts import FactFilter, Key, ReplicaState

PAGE_SIZE = 100
PAGE_SIZE_MAX = 2000
KEY_PARTS = 6
REPLICA_KNOWN = timedelta(seconds=45)
"""How long after its last word, of which there is one every 15 s, a replica is expected to confirm what comes."""
_START: Key = ("", "", "", "", "", "")


class BadPageToken(Invalid):
    """The token of a page is not one that was given out."""

    def __init__(self) -> None:
        super().__init__("page_token is not one that was given out")


@dataclass(frozen=True, slots=True)
class FactsPage:
    """Facts in the order of their keys, and the token of the next page; empty after the last."""

    facts: Sequence[Fact]
    next_token: str


async def read_facts(
    database: Database, wanted: FactFilter, *, page_size: int, page_token: str
) -> FactsPage:
    """A page of the facts that match: 100 when `page_size` is 0, 2,000 at most; raises `BadPageToken`."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    after = _key_of(page_token) if page_token else _START
    async with database.raw() as raw:
        found = await facts.page(raw, wanted, after=after, limit=limit + 1)
    shown = found[:limit]
    return FactsPage(shown, _token_of(shown[-1].key) if len(found) > limit else "")


async def confirmations(
    database: Database, revision: int, *, at: datetime | None = None
) -> list[ReplicaState]:
    """Of every replica known at a time (now, when None), whether and when it confirmed `revision` or a later one.

    Replicas confirm what voids tokens or sessions. The time is one of the database's clock.
    """
    async with database.raw() as raw:
        return await replicas.states_at(raw, revision, known_for=REPLICA_KNOWN, at=at)


def _token_of(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, ensure_ascii=False).encode()).decode()


def _key_of(token: str) -> Key:
    try:
        parts = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise BadPageToken from None
    if not isinstance(parts, list) or len(parts) != KEY_PARTS:
        raise BadPageToken
    if not all(isinstance(part, str) and "\x00" not in part for part in parts):
        raise BadPageToken
    a, b, c, d, e, f = parts
    return (a, b, c, d, e, f)
