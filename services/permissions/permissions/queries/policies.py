"""What can be read of policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from permissions.domain.policies import Stage, UnknownVersion
from permissions.store import disagreements, policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database

    from permissions.domain.policies import Disagreement, Version

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
DISAGREEMENTS = 100
DISAGREEMENTS_MAX = 1000
NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DisagreementsPage:
    """Kinds of disagreement, the most frequent first; `complete` when there are no more."""

    disagreements: Sequence[Disagreement]
    complete: bool


async def get_policy(database: Database, number: int) -> Version:
    """One version, or the live one for 0; raises `UnknownVersion`."""
    async with database.raw() as raw:
        found = await (policies.get(raw, number) if number else policies.live(raw))
    if found is None:
        raise UnknownVersion(number)
    return found


async def list_policies(database: Database, *, below: int, page_size: int) -> list[Version]:
    """Versions without their documents, newest first: 20 when `page_size` is 0, 100 at most."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        return await policies.page(raw, below=below or NUMBER_MAX, limit=limit)


async def list_disagreements(
    database: Database, number: int, *, page_size: int
) -> DisagreementsPage:
    """How a version disagreed as the shadow; 0 is the present one. Raises `UnknownVersion`."""
    limit = min(page_size or DISAGREEMENTS, DISAGREEMENTS_MAX)
    async with database.raw() as raw:
        if not number:
            shadows = await policies.in_stage(raw, Stage.SHADOW)
            number = shadows[0].number if shadows else 0
        if await policies.get(raw, number) is None:
            raise UnknownVersion(number)
        found = await disagreements.of_version(raw, number, limit=limit + 1)
    return DisagreementsPage(found[:limit], len(found) <= limit)
