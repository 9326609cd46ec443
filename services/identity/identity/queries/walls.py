"""Who may do what to a customer, and whose they are: asked of the local replica of permissions.

A customer is read by whoever may read them or one of their leads. The leads are asked about, too, because a lead is
known here before permissions has heard whose it is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from accesskit.guard import ReplicaState, circumstances_of
from accesskit.leases import LeaseState
from servicekit.auth import current_caller
from servicekit.errors import Forbidden, Unavailable

from identity.domain.duplicates import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from accesskit.decisions import Circumstances
    from accesskit.engine import Engine
    from accesskit.replica import Replica

READ = "read"
EDIT = "edit"
READ_IDENTITY = "read_identity"


class Walls:
    """Answers for whoever calls, or for a person whom a caller names; `clock` gives Unix seconds.

    Every method raises `Forbidden` without a caller; those that answer from memory raise `Unavailable` while the
    replica is stale.
    """

    def __init__(self, replica: Replica, *, clock: Callable[[], float] = time.time) -> None:
        self._replica = replica
        self._state = ReplicaState(replica, replica.channel)
        self._clock = clock

    async def require(self, action: str, golden_id: str, lead_ids: Iterable[UUID]) -> None:
        """Returns when the caller may do it to the customer, or to one of their leads.

        What the replica refuses, or is too old to say, is asked of permissions itself, which knows the newest state,
        writes the refusal down and says what would change it. Raises `accesskit.guard.Refusal`.
        """
        if not (self._replica.is_current and self.may(action, golden_id, lead_ids)):
            await self.confirm(action, golden_id)

    async def confirm(self, action: str, golden_id: str) -> None:
        """Returns when permissions itself allows it after all; raises `accesskit.guard.Refusal`, or `Unavailable`."""
        subject_id, circumstances = self._asking("")
        question = Question(subject_id, action, "customer", golden_id, circumstances=circumstances)
        await self._state.confirm(question, consistency_token="")

    def may(
        self, action: str, golden_id: str, lead_ids: Iterable[UUID], *, actor_id: str = ""
    ) -> bool:
        """Whether the caller, or `actor_id`, may do it to the customer or to one of their leads."""
        asking = self._asking(actor_id)
        named = [str(lead_id) for lead_id in lead_ids]
        return self._any(asking, action, "customer", [golden_id]) or self._any(
            asking, action, "lead", named
        )

    def may_see_identity(self, golden_id: str, lead_ids: Iterable[UUID]) -> bool:
        """Whether the caller may have a customer's values in clear: they read identities, or work on a lead."""
        asking = self._asking("")
        if self._any(asking, READ_IDENTITY, "customer", [golden_id]):
            return True
        return self.may(EDIT, golden_id, lead_ids)

    def view(self, golden_id: str, lead_ids: Sequence[UUID], *, actor_id: str) -> View:
        """What `actor_id` may know of a customer: whether they see them, who owns them, and that owner's manager."""
        owner_id = self._owner(golden_id, lead_ids)
        return View(
            is_visible=self.may(READ, golden_id, lead_ids, actor_id=actor_id),
            owner_id=owner_id,
            manager_id=self._manager(owner_id) if owner_id else "",
        )

    def _owner(self, golden_id: str, lead_ids: Sequence[UUID]) -> str:
        """Who owns the customer, or else their latest lead that has an owner; a lease in the pool is nobody's."""
        engine, now_s = self._engine(), self._clock()
        names = [("customer", golden_id)]
        names += [("lead", str(lead_id)) for lead_id in sorted(lead_ids, reverse=True)]
        for resource_type, resource_id in names:
            lease = engine.lease(resource_type, resource_id, now_s=now_s)
            if lease is not None and lease.owner_id and lease.state is not LeaseState.POOL:
                return lease.owner_id
        return ""

    def _manager(self, owner_id: str) -> str:
        tree = self._engine().expand("user", owner_id, "manager", now_s=self._clock())
        facts = () if tree is None else tree.facts
        return facts[0].subject_id if facts else ""

    def _any(
        self,
        asking: tuple[str, Circumstances | None],
        action: str,
        resource_type: str,
        resource_ids: Sequence[str],
    ) -> bool:
        decisions = self._engine().decide_all(
            asking[0],
            action,
            resource_type,
            resource_ids,
            now_s=self._clock(),
            circumstances=asking[1],
        )
        return any(decision.outcome is Outcome.ALLOW for decision in decisions)

    def _asking(self, actor_id: str) -> tuple[str, Circumstances | None]:
        """Who asks; of another person's own session nothing is known here."""
        caller = current_caller()
        if caller is None:
            raise Forbidden("unauthenticated")
        if actor_id and actor_id != caller.subject:
            return actor_id, None
        return caller.subject, circumstances_of(caller)

    def _engine(self) -> Engine:
        if not self._replica.is_current:
            raise Unavailable("permissions' facts are stale here")
        return self._replica.engine
