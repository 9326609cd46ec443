"""Requests about people: what identity forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from identity.commands.regrouping import Cause
from identity.domain.customers import LeadId, MatchBasis
from identity.domain.regroupings import AUTOMATIC, RegroupingKind
from identity.domain.statements import lead_gone
from identity.store import privacy as store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from identity.commands.resolving import Resolver

    Forget = Callable[[UnitOfWork, Sequence[UUID]], Awaitable[Erased]]
    Tell = Callable[[UnitOfWork, Sequence[UUID]], Awaitable[list[dict[str, Any]]]]

ERASED = Cause(RegroupingKind.ERASED, AUTOMATIC, "erasure")
NAMES_KEPT = "Golden and master ids, keyed, for the ledger"


class Erasing:
    """Forgets people, and tells what is kept about them.

    `forget` and `tell` are what others keep about leads; they are asked first, while it is known whose leads they are.
    """

    def __init__(
        self, resolver: Resolver, forget: Iterable[Forget] = (), tell: Iterable[Tell] = ()
    ) -> None:
        self._resolver = resolver
        self._forget = list(forget)
        self._tell = list(tell)

    async def erase_leads(self, uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
        """Forgets what these leads stated and by what their people are known, unless others state the same.

        Golden IDs, which are keyed, stay, and so does that somebody was called by them.
        """
        parts = [await forget(uow, lead_ids) for forget in self._forget]
        sources = await store.sources_of(uow.raw, lead_ids)
        gone = [
            lead_gone(lead_id, modified_at=modified_at, now=uow.now)
            for _, lead_id, record_id, modified_at in sources
            if record_id is not None
        ]
        await self._resolver.resolve(uow, gone, ERASED)
        records = {record_id for _, _, record_id, _ in sources if record_id is not None}
        shared = await store.still_there(uow.raw, records)
        said = await store.forget_statements(uow.raw, [source_id for source_id, *_ in sources])
        holds = [NAMES_KEPT]
        if shared:
            holds.append(
                f"what is known of {shared} customers from other sources that say the same"
            )
        for part in parts:
            holds += part.holds
        count = said + len(records) - shared + sum(part.record_count for part in parts)
        return Erased(count, tuple(holds))

    async def kept_about(self, uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """What is kept about these leads: the customer's readable id, why they were recognised, how much is held."""
        kept = [_kept(row) for row in await store.kept_about(uow.raw, lead_ids)]
        for tell in self._tell:
            kept += await tell(uow, lead_ids)
        return kept


def _kept(row: Any) -> dict[str, Any]:
    return {
        "lead_id": str(LeadId(row["lead_id"])),
        "channel": row["channel"],
        "received_at": row["received_at"].isoformat(),
        "master_id": row["master_id"],
        "first_seen_at": row["first_seen_at"].isoformat(),
        "recognised_by": MatchBasis(row["match_basis"]).name.lower(),
        "statements_kept": row["statement_count"],
    }
