"""Running the measuring programs, each a process of its own, and reading the JSON line that each prints."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TIMEOUT_S = 300
STARTS_WITHIN_S = 20.0

Figures = dict[str, Any]


def measured(module: str, *arguments: object) -> Figures:
    """Runs `python -m module arguments` to its end; its figures. Raises `CalledProcessError` when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def serving(module: str, port: int, *arguments: object) -> Iterator[None]:
    """Runs a server while the block runs."""
    process = subprocess.Popen([sys.executable, "-m", module, str(port), *map(str, arguments)])
    try:
        _wait_for(port)
        yield
    finally:
        process.kill()
        process.wait(STARTS_WITHIN_S)


@contextmanager
def request_file(requests: Sequence[bytes]) -> Iterator[Path]:
    """Prepared requests in a file that a generator reads."""
    handle, name = tempfile.mkstemp(suffix=".requests")
    with os.fdopen(handle, "wb") as file:
        pickle.dump(list(requests), file)
    try:
        yield Path(name)
    finally:
        Path(name).unlink()


def medians(run: Callable[[], Figures], runs: int) -> Figures:
    """The median of each number over several runs, and every run."""
    found = [run() for _ in range(runs)]
    numbers = [key for key, value in found[0].items() if isinstance(value, int | float)]
    return {key: median(one[key] for one in found) for key in numbers} | {"runs": found}


def _wait_for(port: int) -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN_S
    while True:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)
