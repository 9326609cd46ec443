"""Rotation of the key and the recipes of Golden IDs: every source gets the new ids beside the old ones.

Nobody is renamed: of ids that were stated at one time the older key's and recipe's goes first. To rotate, put the new
key first in GOLDEN_ID_KEYS, or a recipe into GOLDEN_ID_RECIPES, on every replica; once the rotation is finished the
former key may be left out, since ids that were made with it are looked up and not computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.commands.regrouping import Cause, Work
from identity.commands.stating import Stating
from identity.domain.statements import Statement
from identity.store import rotations as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database, UnitOfWork

    from identity.commands.reading import Reading
    from identity.commands.resolving import Resolver
    from identity.store.rotations import Stated

SOURCES_AT_ONCE = 100
IDLE_S = 60.0


class Rotation:
    """Gives sources their ids by the key and the recipes in use, some at a time; begins where it was stopped."""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self._database = database
        self._resolver = resolver

    async def step(self) -> bool:
        """Goes some sources further; says whether there are more."""
        rotation = self._resolver.keys.rotation
        async with self._database.unit_of_work() as uow:
            after = await store.claim(uow.raw, rotation)
            if after is None:
                return False
            stated = await store.stated_after(uow.raw, after, SOURCES_AT_ONCE)
            if stated:
                await self._mint(uow, [self._reading(each) for each in stated])
            has_more = len(stated) == SOURCES_AT_ONCE
            reached = stated[-1].source_id if stated else after
            await store.advance(uow.raw, rotation, reached, None if has_more else uow.now)
        return has_more

    async def _mint(self, uow: UnitOfWork, readings: Sequence[Reading]) -> None:
        resolver = self._resolver
        around = await resolver.loader.around(uow.raw, readings, lambda _: ())
        stating = Stating(around, resolver.seals, [], [])
        for reading in readings:
            found = around.sources.get(reading.key_digest)
            if found is not None and found.record_id in around.known:
                stating.support(reading, found.record_id)
        await resolver.regrouping.settle(
            uow, around, Cause(reason="rotation"), Work(supported=stating.supported)
        )

    def _reading(self, stated: Stated) -> Reading:
        seals = self._resolver.seals
        statement = Statement(
            system=stated.system,
            source_key=seals.open_key(stated.key_digest, stated.sealed_key),
            fields=seals.open_fields(stated.key_digest, stated.sealed_fields),
            modified_at=stated.first_seen_at,
            received_at=stated.first_seen_at,
        )
        return self._resolver.reader.read(statement)
