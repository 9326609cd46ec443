"""Waiting in tests: for a condition, with a deadline, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.01
POLL_MAX_S = 0.25
PATIENCE = 0.1
"""Which share of what it has waited a test waits between two questions: asking is work too."""

T = TypeVar("T")


async def eventually(
    predicate: Callable[[], T | Awaitable[T]],
    *,
    deadline_s: float = 10.0,
    what: str = "the condition",
) -> T:
    """The first true value of `predicate`, asked every 10 ms at first; TimeoutError after the deadline.

    What the predicate raises is raised: a condition that cannot be asked is no "not yet".
    """
    begun_at = time.monotonic()
    while True:
        value = await _ask(predicate)
        if value:
            return value
        waited_s = time.monotonic() - begun_at
        if waited_s > deadline_s:
            raise TimeoutError(f"{what} did not come about within {deadline_s} s (last: {value!r})")
        await asyncio.sleep(min(max(POLL_S, waited_s * PATIENCE), POLL_MAX_S))


async def _ask(predicate: Callable[[], T | Awaitable[T]]) -> T:
    answer = predicate()
    if inspect.isawaitable(answer):
        awaited: T = await answer
        return awaited
    return answer
