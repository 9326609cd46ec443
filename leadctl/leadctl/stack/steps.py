"""Steps that run side by side."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*steps: Coroutine[Any, Any, None]) -> None:
    """Run the steps side by side; when one fails, cancel the others and raise its error, bare."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                tasks.create_task(step)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
