"""The shape watch: looks at a sample of what is mapped, and learns from it behind the mapper's back.

Hidden decision: which bodies. The first of an account, then one in twenty; of those that end in quarantine a few more,
because there the change is. What is not looked at yet when the process ends is lost, and nothing depends on it.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING

from lead_intake.channels.decoding import Undecodable, decoded
from lead_intake.commands.shapes import Body, Sender, learn
from lead_intake.domain.leads import Quarantined
from lead_intake.domain.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database

    from lead_intake.accounts import OpenAccount
    from lead_intake.domain.leads import AccountId, Finding
    from lead_intake.seals import Seals

IDLE_S = 0.5
FIRST_COUNT = 20
ONE_IN = 20
QUARANTINED_PER_S = 5
WAITING_MAX = 500
DIGEST_BYTES = 8


class ShapeWatch:
    """Samples in `notice`, which the mapper calls, and learns in steps that a worker runs."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals
        self._seen: Counter[AccountId] = Counter()
        self._quarantined: Counter[AccountId] = Counter()
        self._second = 0
        self._waiting: deque[tuple[Sender, Body]] = deque()

    def notice(
        self, account: OpenAccount, body_kind: str, body: bytes, findings: Sequence[Finding]
    ) -> None:
        """Looks at one delivery's body, if it is one of the sample; costs a counter if it is not."""
        is_quarantined = all(isinstance(each, Quarantined) for each in findings)
        if not findings or not self._is_sampled(account.account_id, is_quarantined=is_quarantined):
            return
        try:
            document = decoded(body_kind, body)
        except Undecodable:
            return
        shape = shape_of(document, self._digest)
        sender = Sender(account.account_id, account.channel.channel, account.account)
        self._waiting.append((sender, Body(shape, is_accepted=not is_quarantined)))

    async def step(self) -> bool:
        """Learns from what was noticed; says whether more was noticed meanwhile."""
        by_sender: defaultdict[Sender, list[Body]] = defaultdict(list)
        while self._waiting:
            sender, body = self._waiting.popleft()
            by_sender[sender].append(body)
        for sender, bodies in by_sender.items():
            async with self._database.unit_of_work() as uow:
                await learn(uow, sender, bodies)
        return bool(self._waiting)

    def _is_sampled(self, account_id: AccountId, *, is_quarantined: bool) -> bool:
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._seen[account_id] += 1
        number = self._seen[account_id]
        if number <= FIRST_COUNT or number % ONE_IN == 0:
            return True
        return is_quarantined and self._may_look_closer(account_id)

    def _may_look_closer(self, account_id: AccountId) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._quarantined.clear()
        self._quarantined[account_id] += 1
        return self._quarantined[account_id] <= QUARANTINED_PER_S

    def _digest(self, path: str, word: str) -> bytes:
        """What stands for a word: keyed, so that nobody can look it up."""
        return self._seals.bodies.of(f"word/{path}/{word}")[:DIGEST_BYTES]
