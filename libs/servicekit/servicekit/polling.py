"""A loop that works step by step: at once while there is more, otherwise when woken or after a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from servicekit import metrics
from servicekit.errors import outcome_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger()

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds to wait after each failed step in a row; the last one repeats."""


class Poller:
    """Runs `step` for as long as the service lives.

    `step` does a bounded piece of work and says whether there may be more. A step that fails, or is cancelled from
    within, is logged, counted and tried again after a growing wait; a `Poller` never ends by itself. A part of a
    service.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        idle_s: float = 0.05,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self._step = step
        self._idle_s = idle_s
        self._stop_timeout_s = stop_timeout_s
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Runs the next step at once instead of after the idle time."""
        self._woken.set()

    async def start(self) -> None:
        """Starts the loop."""
        self._stopping.clear()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Lets the running step end, bounded by the stop timeout, and ends the loop."""
        self._stopping.set()
        self.wake()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._stop_timeout_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def problem(self) -> str | None:
        """Why the loop is not ready: its last steps failed, or it does not run."""
        if self._task is None or self._task.done():
            return "not running"
        return f"{self._failures} failed steps" if self._failures >= len(BACKOFF_S) else None

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            wait_s = await self._try_step()
            if wait_s:
                # A failing step waits its time out; only a healthy one can be woken early.
                await _wait_for(self._stopping if self._failures else self._woken, wait_s)

    async def _try_step(self) -> float:
        """Runs one step; returns the seconds to wait before the next."""
        try:
            more = await self._step()
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - a loop outlives every fault of a step
            return self._failed(error)
        self._failures = 0
        return 0.0 if more else self._idle_s

    def _failed(self, error: BaseException) -> float:
        wait_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        metrics.WORKER_STEP_ERRORS.labels(worker=self.name, error_type=type(error).__name__).inc()
        say = log.warning if outcome_of(error).grpc_code == "UNAVAILABLE" else log.exception
        say("step_failed", worker=self.name, error=type(error).__name__, retry_in_s=wait_s)
        return wait_s


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _wait_for(event: asyncio.Event, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        pass
