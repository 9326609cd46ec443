"""Resolves statements: whose each one is, decided and written in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matchkit.model import Model
    from servicekit.database import UnitOfWork

    from identity.domain.golden_ids import GoldenIdKeys
    from identity.domain.statements import Regrouped, Resolved, Statement
    from identity.seals import Digests, Seals

STATEMENTS_MAX = 2_000


class Follower(Protocol):
    """Somebody who keeps something about customers, in the transaction that changes them."""

    async def __call__(self, uow: UnitOfWork, regrouped: Regrouped) -> None:
        """Called after everything is written, once for a transaction, and only when something changed."""


class Resolver:
    """Decides whose statements are, with the same few round trips for any number of them."""

    def __init__(
        self,
        model: Model,
        seals: Seals,
        digests: Digests,
        keys: GoldenIdKeys,
        followers: Sequence[Follower] = (),
    ) -> None:
        self.model = model
        self.seals = seals
        self.digests = digests
        self.keys = keys
        self.followers = list(followers)

    async def resolve(self, uow: UnitOfWork, statements: Sequence[Statement]) -> list[Resolved]:
        """The customer of each statement, in their order; all is written when the transaction commits.

        Raises `TooLarge` for more than 2,000 statements, and `Unavailable` when others kept changing the same
        customers meanwhile: the same call may succeed at once.
        """
        raise NotImplementedError
