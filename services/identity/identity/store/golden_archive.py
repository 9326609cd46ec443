"""Where golden records are kept: the database, what opens them, and the policy in force."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from identity.domain.regroupings import AUTOMATIC
from identity.policies.survivorship import packaged_document, parse_survivorship
from identity.store import golden_policies
from identity.store.golden_values import GoldenSeals

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

    from identity.domain.survivorship import SurvivorshipPolicy
    from identity.seals import Seals

READ_AGAIN_S = 1.0
"""How old the known policy may be; records made by an older one are made anew afterwards."""


class PolicyInForce:
    """The policy of survivorship, read from the database once a second at most; `clock` is monotonic, in seconds.

    `packaged_version` is that of the policy which is in force where none was published; `published_by` is who put the
    present one into force.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._policy = parse_survivorship(packaged_document())
        self._read_at_s = float("-inf")
        self.packaged_version = self._policy.version
        self.published_by = AUTOMATIC

    async def current(self, raw: asyncpg.Connection) -> SurvivorshipPolicy:
        """The policy; at most a second old."""
        if self._clock() - self._read_at_s >= READ_AGAIN_S:
            await self.read(raw)
        return self._policy

    async def read(self, raw: asyncpg.Connection) -> SurvivorshipPolicy:
        """The policy as it is now."""
        newest = await golden_policies.newest(raw)
        if newest is not None and newest.version != self._policy.version:
            self._policy = parse_survivorship(newest.document, version=newest.version)
            self.published_by = newest.published_by
        self._read_at_s = self._clock()
        return self._policy


@dataclass(frozen=True, slots=True)
class Archive:
    """What reading and making golden records takes."""

    database: Database
    seals: Seals
    golden_seals: GoldenSeals
    policies: PolicyInForce

    @classmethod
    def of(cls, database: Database, seals: Seals, ring: KeyRing) -> Self:
        """The archive in a service's database."""
        return cls(database, seals, GoldenSeals(ring), PolicyInForce())
