"""The people of the demonstration who change its configuration, and those who must agree."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadctl.clients import Services
from leadctl.consent import with_approval

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeVar

    from leadctl.stack.stack import Stack

    T = TypeVar("T")

OPERATOR = "operator-1"
GOVERNOR = "governance-2"
VOTERS = ("governance", "security-1")


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody who changes configuration, and two others who agree to it. Everybody has just proved a second factor."""

    author: Services
    voters: tuple[Services, ...]

    async def approved(self, work: Callable[[str], Awaitable[T]]) -> T:
        """Does `work` as the author; it is given the id of an approval. Raises `NotAnswered`."""
        return await with_approval(self.author, self.voters, work)


@asynccontextmanager
async def changing(
    known: Services, stack: Stack, *, author: str = OPERATOR
) -> AsyncIterator[Change]:
    """The author and those who agree, each with a token of their own."""
    async with AsyncExitStack() as cleanup:
        people = [
            await cleanup.enter_async_context(_as_person(known, stack, person))
            for person in (author, *VOTERS)
        ]
        yield Change(people[0], tuple(people[1:]))


def _as_person(known: Services, stack: Stack, person: str) -> Services:
    scopes = ["operator"] if person == OPERATOR else []
    token_file = stack.identities.mint(
        person, scopes=scopes, epoch=1, amr=["pwd", "otp"], auth_time=time.time()
    )
    return Services(known.targets, token_file)
