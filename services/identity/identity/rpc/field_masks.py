"""Which fields of a customer whoever calls sees masked: asked of the local replica of permissions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from accesskit.guard import circumstances_of
from servicekit.auth import current_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from accesskit.replica import Replica

PROTECTED = {"resident_id": "id_card", "passport": "id_card"}
"""Our fields, and what the policy of permissions calls them."""


class FieldMasks:
    """Answers for whoever calls; `clock` gives Unix seconds. Whom the replica cannot answer for sees least."""

    def __init__(self, replica: Replica, *, clock: Callable[[], float] = time.time) -> None:
        self._replica = replica
        self._clock = clock

    def of(self, golden_id: str) -> Collection[str]:
        """The fields of a customer that are masked for the caller."""
        hidden = {name for name in set(PROTECTED.values()) if not self._may_read(golden_id, name)}
        return [field for field, name in PROTECTED.items() if name in hidden]

    def _may_read(self, golden_id: str, name: str) -> bool:
        caller = current_caller()
        if caller is None or not self._replica.is_current:
            return False
        question = Question(
            caller.subject,
            "read",
            "customer",
            golden_id,
            fields=(name,),
            circumstances=circumstances_of(caller),
        )
        decision = self._replica.engine.decide(question, now_s=self._clock())
        is_bound = any(duty.kind == "mask" for duty in decision.obligations)
        return decision.outcome is Outcome.ALLOW and not is_bound
