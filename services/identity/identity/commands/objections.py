"""Writes down that customers do not want to be contacted, or no longer mind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import Conflict

from identity.domain.customers import CustomerNotFound
from identity.queries.walls import EDIT
from identity.store import contactability as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from matchkit.model import Hasher, Model
    from servicekit.database import Database, UnitOfWork

    from identity.domain.contactability import Objection
    from identity.queries.customer360 import Named
    from identity.queries.walls import Walls
    from identity.seals import Seals


class NothingToKnowThemBy(Conflict):
    """The customer has no phone, e-mail or other id of their own by which a wish could be kept."""

    def __init__(self) -> None:
        super().__init__("the customer has no identifier of their own")


class Objectors:
    """By what customers are known who object: wishes hold whatever is merged, split or forgotten later."""

    def __init__(
        self, database: Database, walls: Walls, model: Model, hasher: Hasher, seals: Seals
    ) -> None:
        self._database = database
        self._walls = walls
        self._model = model
        self._hasher = hasher
        self._seals = seals

    async def known_by(self, named: Named) -> list[int]:
        """The customer's identifiers that are not everybody's; of their records they are known only when opened.

        Asked before a transaction. Raises `CustomerNotFound`, and `Refusal` for whoever may not edit the customer.
        """
        async with self._database.raw() as raw:
            found = await store.identified(
                raw, customer_id=named.customer_id, lead_id=named.lead_id
            )
        if found is None:
            raise CustomerNotFound
        await self._walls.require(EDIT, found.golden_id, found.lead_ids)
        tokens = {
            token
            for digest, sealed in found.records
            for token in self._model.identifiers(
                self._seals.open_features(digest, sealed, self._model), self._hasher
            )
        }
        return sorted(tokens.intersection(found.keys))


async def record(
    uow: UnitOfWork,
    tokens: Sequence[int],
    objection_id: UUID,
    objection: Objection,
    *,
    actor: str,
) -> None:
    """Keeps the wish of whoever has these identifiers, once; raises `NothingToKnowThemBy`."""
    if not tokens:
        raise NothingToKnowThemBy
    await store.save_objection(uow.raw, objection_id, objection, tokens=tokens, recorded_by=actor)


async def withdraw(
    uow: UnitOfWork, tokens: Sequence[int], objection_id: UUID | None, *, actor: str
) -> int:
    """Ends one wish, or all, of whoever has these identifiers; returns how many stood."""
    return await store.withdraw_objections(
        uow.raw, tokens=tokens, objection_id=objection_id, withdrawn_by=actor, now=uow.now
    )
