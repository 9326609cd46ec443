"""Steps that run side by side, and steps that are done to their end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def together(*steps: Coroutine[Any, Any, None]) -> None:
    """Run the steps side by side; when one fails, cancel the others and raise its error, bare."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                tasks.create_task(step)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def to_the_end(step: Callable[..., None], *arguments: Any) -> None:
    """Run a short step in a thread; whoever is cancelled meanwhile waits for its end first, and is cancelled then.

    A thread cannot be stopped: what it begins later nobody would know of.
    """
    running = asyncio.ensure_future(asyncio.to_thread(step, *arguments))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
