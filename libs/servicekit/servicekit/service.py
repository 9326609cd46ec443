"""A running service: parts that start in order, a readiness, and a drain when it is told to end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger()

START_TIMEOUT_S = 60.0
WATCHDOG_MARGIN_S = 3.0

COLLECT_AFTER_OBJECTS = 50_000
EXIT_CLEAN = 0
EXIT_FAILED = 1


class Part(Protocol):
    """Something that a service is made of."""

    name: str

    async def start(self) -> None:
        """Makes the part work, or raises."""

    async def stop(self) -> None:
        """Ends the part's work in good order."""

    def problem(self) -> str | None:
        """Why the part is not ready; None when it is."""


class Service:
    """Parts in their order of start; they stop in the reverse order.

    `grace_period_s` bounds the drain: what has not stopped by then is abandoned, and the exit code says so. Should
    even that not work, because a part blocks the loop or will not be cancelled, the process ends itself a little later.
    """

    def __init__(self, name: str, parts: Sequence[Part], *, grace_period_s: float) -> None:
        self.name = name
        self._parts = parts
        self._grace_period_s = grace_period_s
        self._started: list[Part] = []
        self._draining = False

    def readiness(self) -> dict[str, str | None]:
        """Each part's problem, None where it has none."""
        if self._draining:
            return {"service": "draining"}
        return {part.name: part.problem() for part in self._parts}

    async def start(self) -> None:
        """Starts the parts; on a failure stops those already started and raises."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                for part in self._parts:
                    self._started.append(part)
                    await part.start()
        except BaseException:
            await self.stop()
            raise
        _spare_the_collector()
        log.info("service_started", service=self.name)

    async def stop(self) -> int:
        """Stops the started parts, newest first; returns the exit code."""
        self._draining = True
        code = EXIT_CLEAN
        try:
            async with asyncio.timeout(self._grace_period_s):
                while self._started:
                    code |= await _stop_part(self._started.pop())
        except TimeoutError:
            log.error("drain_timed_out", service=self.name, grace_period_s=self._grace_period_s)  # noqa: TRY400
            return EXIT_FAILED
        log.info("service_stopped", service=self.name)
        return code

    async def run(self) -> int:
        """Starts, waits for SIGTERM or SIGINT, drains; returns the exit code.

        For a process that does nothing else: after a signal it ends, one way or another. A signal during the start
        breaks it off.
        """
        told_to_end = asyncio.Event()
        try:
            async with asyncio.timeout(None) as patience:
                self._on_signal(told_to_end, patience)
                await self.start()
                self._on_signal(told_to_end, None)
        except Exception:
            if told_to_end.is_set():
                return EXIT_CLEAN
            log.exception("start_failed", service=self.name)
            return EXIT_FAILED
        await told_to_end.wait()
        return await self.stop()

    def _on_signal(self, told_to_end: asyncio.Event, starting: asyncio.Timeout | None) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            if told_to_end.is_set():
                return
            told_to_end.set()
            _end_process_after(self._grace_period_s + WATCHDOG_MARGIN_S)
            if starting is not None:
                starting.reschedule(loop.time())

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)


def _spare_the_collector() -> None:
    """Takes what lives as long as the process out of garbage collection, and collects less often.

    Batches make and drop thousands of objects that are in no cycle; at the usual threshold of 700 the collector would
    look through them several times a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)


def _end_process_after(wait_s: float) -> None:
    """Ends the process by force unless it has ended by itself by then."""
    watchdog = threading.Timer(wait_s, os._exit, [EXIT_FAILED])
    watchdog.daemon = True
    watchdog.start()


async def _stop_part(part: Part) -> int:
    """Stops one part; a part that fails to stop does not keep the others from stopping."""
    try:
        await part.stop()
    except Exception:
        log.exception("stop_failed", part=part.name)
        return EXIT_FAILED
    return EXIT_CLEAN
