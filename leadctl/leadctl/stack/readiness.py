"""Asking programs whether they are ready."""

import asyncio
from collections.abc import Callable

import aiohttp
from servicekit.local.processes import KeptProcess, Running

POLL_S = 0.05
ANSWER_TIMEOUT_S = 2.0


async def wait_until_ready(
    process: KeptProcess, url: str, *, timeout_s: float, report: Callable[[str], None]
) -> None:
    """Return when the program answers 200 on its `/readyz` at `url`.

    Raises `DidNotStart`, with the program's last words, when it ends or is not ready in time.
    """
    problem = "no answer"
    try:
        async with asyncio.timeout(timeout_s), aiohttp.ClientSession() as session:
            while (answer := await readiness(session, url)) is not None:
                problem = answer
                if not isinstance(process.state(), Running):
                    raise process.did_not_start(f"ended: {process.state()}")
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise process.did_not_start(f"is not ready after {timeout_s:.0f} s: {problem}") from None
    report(f"{process.name} is ready")


async def readiness(session: aiohttp.ClientSession, url: str) -> str | None:
    """Why the program behind `url` is not ready, in its own words; None when it is ready."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    try:
        async with session.get(f"{url}/readyz", timeout=timeout) as response:
            return None if response.ok else (await response.text()).strip()
    except (aiohttp.ClientError, TimeoutError):
        return "no answer"
