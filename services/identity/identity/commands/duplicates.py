"""Checks whether a customer exists, within what one person may ask, and passes on requests for access."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.events import new_id

from identity.domain.duplicates import (
    AccessRequest,
    Check,
    CheckNotFound,
    NotWalled,
    admitted,
    best_of,
    probe,
    told,
)
from identity.store import duplicates as store
from identity.wire import duplicates as wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import UnitOfWork

    from identity.domain.duplicates import WallPolicy
    from identity.queries.duplicates import Lookalikes
    from identity.queries.walls import Walls

MINUTE = timedelta(minutes=1)


class Duplicates:
    """Answers by a policy, so that a check tells that somebody exists, and no more than that behind a wall."""

    def __init__(self, lookalikes: Lookalikes, walls: Walls, policy: WallPolicy) -> None:
        self._lookalikes = lookalikes
        self._walls = walls
        self._policy = policy

    async def check(self, uow: UnitOfWork, fields: Mapping[str, str], *, actor_id: str) -> Check:
        """Looks for a customer and keeps that it was done.

        Raises `NothingToLookFor`, `UnreadableProbe` and `TooManyChecks`.
        """
        asked = probe(fields)
        recent = await store.recent_checks(uow.raw, actor_id, since=uow.now - MINUTE)
        left = admitted(self._policy, recent)
        likenesses = best_of(await self._lookalikes.of(uow.raw, asked))
        matches = tuple(
            told(
                self._policy,
                candidate,
                self._walls.view(candidate.golden_id, candidate.lead_ids, actor_id=actor_id),
            )
            for candidate in await store.customers(uow.raw, likenesses)
        )
        check = Check(UUID(new_id()), actor_id, uow.now, tuple(sorted(asked)), matches, left)
        await store.keep_check(uow.raw, check)
        return check

    async def request_access(
        self, uow: UnitOfWork, check_id: UUID, match_index: int, *, actor_id: str
    ) -> AccessRequest:
        """Asks the owner of one match for access, once; states it.

        Raises `CheckNotFound`, and `NotWalled` when the person may see the customer.
        """
        since = uow.now - self._policy.request_within
        match = await store.told(
            uow.raw, check_id, actor_id=actor_id, since=since, match_index=match_index
        )
        customer = await store.customer_called(uow.raw, match[0]) if match else None
        if customer is None:
            raise CheckNotFound
        _, golden_id, lead_ids = customer
        view = self._walls.view(golden_id, lead_ids, actor_id=actor_id)
        if view.is_visible:
            raise NotWalled
        request = AccessRequest(
            request_id=UUID(new_id()),
            check_id=check_id,
            match_index=match_index,
            golden_id=golden_id,
            requester_id=actor_id,
            owner_id=view.owner_id,
            manager_id=view.manager_id,
            requested_at=uow.now,
        )
        before = await store.keep_request(uow.raw, request)
        if before is None:
            uow.publish(wire.access_requested(request), key=golden_id)
        return before or request
