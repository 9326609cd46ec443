"""Tells the fake Graph API what each Facebook lead of the plan says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = 16
TIMEOUT_S = 10.0


async def put_graph_leads(base_url: str, bodies: Mapping[str, dict[str, Any]]) -> None:
    """Put every body under its id; raises `aiohttp.ClientError` or `TimeoutError` when that fails."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    waiting = iter(bodies.items())
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def work() -> None:
            for leadgen_id, body in waiting:
                async with session.put(f"{base_url}/leads/{leadgen_id}", json=body) as answer:
                    answer.raise_for_status()
                    await answer.read()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CONNECTIONS):
                tasks.create_task(work())
