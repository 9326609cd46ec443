"""Keeps what records share with records of other customers, after the fact: no lead waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.relations import shared_tokens
from identity.store import relations as store

if TYPE_CHECKING:
    from matchkit.model import Hasher, Model
    from servicekit.database import Database, UnitOfWork

    from identity.domain.statements import Regrouped
    from identity.seals import Seals

CUSTOMERS_AT_ONCE = 200


class Relations:
    """Follows the resolver by noting whom it touched, and looks at their new records as a worker's step."""

    def __init__(self, database: Database, model: Model, hasher: Hasher, seals: Seals) -> None:
        self._database = database
        self._model = model
        self._hasher = hasher
        self._seals = seals

    async def follow(self, uow: UnitOfWork, regrouped: Regrouped) -> None:
        """Notes whose records may be new; a follower of the resolver."""
        if regrouped.touched:
            await store.note(uow.raw, sorted(regrouped.touched))

    async def step(self) -> bool:
        """Looks at the records of some of those customers; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            taken = await store.take(uow.raw, CUSTOMERS_AT_ONCE)
            found = [
                (token, record.record_id, kind)
                for record in await store.new_records(uow.raw, taken)
                for token, kind in self._tokens(record).items()
            ]
            await store.save(uow.raw, found)
        return len(taken) == CUSTOMERS_AT_ONCE

    def _tokens(self, record: store.SealedRecord) -> dict[int, str]:
        features = self._seals.open_features(record.digest, record.sealed_features, self._model)
        return shared_tokens(self._model, features, self._hasher)
