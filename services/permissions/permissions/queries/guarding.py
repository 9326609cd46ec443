"""Whether a caller of permissions' own RPCs may call them: from the state in memory, with refusals on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.decisions import Outcome
from accesskit.guard import Refusal
from servicekit.auth import current_caller

from permissions.domain.decisions import Asked, Freshness

if TYPE_CHECKING:
    from accesskit.decisions import Question
    from accesskit.engine import Engine

    from permissions.commands.checks import Checks
    from permissions.queries.live import Live


class OwnState:
    """Where permissions' own guard finds its answers."""

    def __init__(self, live: Live, checks: Checks) -> None:
        self._live = live
        self._checks = checks

    def last_engine(self) -> Engine:
        """The engine."""
        return self._live.engine

    def current_engine(self) -> Engine | None:
        """The engine, unless it has not been compared with the log for too long."""
        return self._live.engine if self._live.problem() is None else None

    async def engine_at(self, consistency_token: str) -> Engine | None:
        """The engine, once it has reached a token."""
        await self._live.at_least(consistency_token)
        return self.current_engine()

    async def confirm(self, question: Question, *, consistency_token: str) -> None:
        """Decides again on the newest state, and puts a refusal on record."""
        asked = Asked(question, Freshness(consistency_token, latest=True))
        answer = await self._checks.check(asked, current_caller())
        if answer.decision.outcome is not Outcome.ALLOW:
            raise Refusal(question.action, answer.decision.reason, answer.remedies)
