"""Who may read which customers: asked of the local replica of permissions, many at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome
from accesskit.guard import circumstances_of
from servicekit.auth import current_caller
from servicekit.errors import Forbidden, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accesskit.replica import Replica


class Readers:
    """Answers for whoever calls; `clock` gives Unix seconds."""

    def __init__(self, replica: Replica, *, clock: Callable[[], float] = time.time) -> None:
        self._replica = replica
        self._clock = clock

    def readable(self, golden_ids: Sequence[str]) -> set[str]:
        """Those of the customers whom the caller may read.

        Raises `Forbidden` without a caller, and `Unavailable` while the replica is stale.
        """
        caller = current_caller()
        if caller is None:
            raise Forbidden("unauthenticated")
        if not self._replica.is_current:
            raise Unavailable("permissions' facts are stale here")
        decisions = self._replica.engine.decide_all(
            caller.subject,
            "read",
            "customer",
            golden_ids,
            now_s=self._clock(),
            circumstances=circumstances_of(caller),
        )
        return {
            golden_id
            for golden_id, decision in zip(golden_ids, decisions, strict=True)
            if decision.outcome is Outcome.ALLOW
        }
