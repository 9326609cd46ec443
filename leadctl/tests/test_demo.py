"""The demonstration itself, small: it proves its books, tells nobody's secrets, and leaves nothing running."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadctl.demo.deliveries import plan
from leadctl.demo.environment import demo_stack
from leadctl.demo.personal_data import Samples, leaks
from servicekit.local.processes import wait_until

LEADS = 60
LAST_LINE = re.compile(
    r"ledger: accepted=(\d+) assigned=(\d+) pooled=0 waiting=(\d+) merged=(\d+) rejected=(\d+)"
    r" quarantined=(\d+) missing=0"
)
DEADLINE_S = 150

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]


def test_a_small_demonstration_accounts_for_every_lead_and_leaks_nothing(tmp_path: Path) -> None:
    planned = plan(LEADS, seed=1, at=datetime.now(UTC))
    samples = Samples(planned.people)

    run = subprocess.run(
        _command(),
        env=_env(tmp_path),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    last = LAST_LINE.fullmatch(run.stdout.splitlines()[-1])
    assert last is not None
    accepted, *outcomes = map(int, last.groups())
    assert accepted == sum(outcomes) == planned.expected().accepted
    assert "rep-12" in run.stdout
    assert "city empty" in run.stdout
    assert samples.found_in(run.stdout + run.stderr) == set()
    assert leaks(samples, [tmp_path / "demo" / "logs", tmp_path / "demo" / "spans"]) == []
    assert demo_stack(tmp_path / "demo").pids() == {}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started now can be interrupted, also where the tests run in the background, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_demonstration_takes_its_stack_down(tmp_path: Path) -> None:
    stack = demo_stack(tmp_path / "demo")
    with subprocess.Popen(
        _command(), env=_env(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        assert wait_until(lambda: "lead-intake" in stack.pids(), timeout_s=60)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)

    assert running.returncode == 130, output
    assert stack.pids() == {}


def _command() -> list[str]:
    return [sys.executable, "-m", "leadctl", "demo", "--leads", str(LEADS)]


def _env(directory: Path) -> dict[str, str]:
    return {**os.environ, "LEADCHAIN_STACK_DIR": str(directory)}
