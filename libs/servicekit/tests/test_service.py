"""How a service lives: parts in order, honest readiness, a drain with an end, an exit code that tells."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest
from servicekit.service import EXIT_CLEAN, EXIT_FAILED, Service


class Recorded:
    """A part that writes down what happens to it."""

    def __init__(self, name, events, *, fails=(), problem=None):
        self.name = name
        self._events = events
        self._fails = fails
        self._problem = problem

    async def start(self):
        """Starts, or fails to."""
        self._note("start")

    async def stop(self):
        """Stops, or fails to."""
        self._note("stop")

    def problem(self):
        """The problem it was made with."""
        return self._problem

    def _note(self, what):
        self._events.append(f"{what} {self.name}")
        if what in self._fails:
            raise RuntimeError(what)


async def test_parts_start_in_order_and_stop_in_reverse():
    events: list[str] = []
    service = Service("s", [Recorded("a", events), Recorded("b", events)], grace_period_s=1)

    await service.start()
    code = await service.stop()

    assert events == ["start a", "start b", "stop b", "stop a"]
    assert code == EXIT_CLEAN


async def test_a_failed_start_stops_what_started():
    events: list[str] = []
    parts = [Recorded("a", events), Recorded("b", events, fails={"start"}), Recorded("c", events)]
    service = Service("s", parts, grace_period_s=1)

    with pytest.raises(RuntimeError):
        await service.start()

    assert events == ["start a", "start b", "stop b", "stop a"]


async def test_a_part_that_fails_to_stop_shows_in_the_exit_code_and_keeps_no_other_running():
    events: list[str] = []
    parts = [Recorded("a", events), Recorded("b", events, fails={"stop"})]
    service = Service("s", parts, grace_period_s=1)

    await service.start()

    assert await service.stop() == EXIT_FAILED
    assert events[-1] == "stop a"


async def test_readiness_names_each_parts_problem_and_the_drain():
    parts = [Recorded("a", []), Recorded("b", [], problem="away")]
    service = Service("s", parts, grace_period_s=1)
    await service.start()
    assert service.readiness() == {"a": None, "b": "away"}

    await service.stop()
    assert service.readiness() == {"service": "draining"}


PROGRAM = """
import asyncio, sys, time
from servicekit.service import Service

class Part:
    name = "part"
    def __init__(self, kind):
        self.kind = kind
    async def start(self):
        if self.kind == "broken":
            raise RuntimeError("no")
        print("starting" if self.kind == "slow start" else "", flush=True)
        if self.kind == "slow start":
            await asyncio.Event().wait()
    async def stop(self):
        if self.kind == "hangs":
            await asyncio.Event().wait()
        if self.kind == "blocks":
            time.sleep(60)
        if self.kind == "will not be cancelled":
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        print("stopped", flush=True)
    def problem(self):
        return None

async def main():
    return await Service("s", [Part("plain"), Part(sys.argv[1])], grace_period_s=0.5).run()

sys.exit(asyncio.run(main()))
"""


def run_and_terminate(kind):
    """The exit code, the last line of output and the seconds that the end took."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kind], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(2):
            process.stdout.readline()
        told_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output.splitlines(), time.monotonic() - told_at


@pytest.mark.parametrize(
    ("kind", "expected_code", "stops", "within_s"),
    [
        ("plain", EXIT_CLEAN, 2, 2),
        ("slow start", EXIT_CLEAN, 2, 2),
        ("hangs", EXIT_FAILED, 0, 2),
        ("blocks", EXIT_FAILED, 0, 6),
        ("will not be cancelled", EXIT_FAILED, 0, 6),
    ],
)
async def test_a_terminated_process_ends_within_its_grace_period(
    kind, expected_code, stops, within_s
):
    code, output, took_s = await asyncio.to_thread(run_and_terminate, kind)

    assert code == expected_code
    assert output.count("stopped") == stops
    assert took_s < within_s


async def test_a_process_whose_start_fails_exits_with_1():
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, "broken"],
        check=False,
        capture_output=True,
        timeout=30,
    )

    assert done.returncode == EXIT_FAILED
    assert b"stopped" in done.stdout
