"""What is imported while the servers still come up: by a process that migrates, and by one whose forks are programs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from servicekit.local.forks import Order

from leadctl.stack.migrating import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from servicekit.local.processes import KeptProcess

    from leadctl.stack.migrating import Migration

SHARED = (
    "servicekit.command_line",
    "servicekit.settings",
    "servicekit.chassis",
    "servicekit.erasures",
    "accesskit.enforcement",
    "uvloop",
)
"""What every service imports to serve."""

READ_AT_START = ("PYTHON", "TZ", "LANG", "LC_ALL")
"""Variables that an interpreter looks at only when it starts, or beginnings of their names."""


class HeadStart:
    """The two processes; they see `env` and write to `log_folder`. Ends with the context that `head_start` gives."""

    def __init__(
        self,
        migrator: subprocess.Popen[str],
        forks: subprocess.Popen[str],
        env: Mapping[str, str],
    ) -> None:
        self._migrator = migrator
        self._forks = forks
        self._env = env

    async def migrate(self, migrations: Sequence[Migration], *, timeout_s: float) -> int | None:
        """Migrates once; 0, the number from 1 of the first that failed, another code, or None after the timeout."""
        try:
            await asyncio.to_thread(
                self._migrator.communicate, written(migrations), timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            return None
        return self._migrator.returncode

    def can_run(self, env: Mapping[str, str]) -> bool:
        """Whether a program with this environment may be a fork: its interpreter would have started the same."""
        return _at_start(env) == _at_start(self._env)

    def run(self, process: KeptProcess, module: str, env: Mapping[str, str]) -> None:
        """Starts a module as a fork, unless its process runs."""

        def keeper(pid_file: Path, exit_file: Path) -> None:
            order = Order(
                process.name,
                module,
                dict(env),
                str(process.log_path),
                str(pid_file),
                str(exit_file),
            )
            assert self._forks.stdin is not None
            self._forks.stdin.write(json.dumps(asdict(order)) + "\n")
            self._forks.stdin.flush()

        process.start_by(keeper)


@contextmanager
def head_start(env: Mapping[str, str], log_folder: Path, *, services: int) -> Iterator[HeadStart]:
    """Both processes, importing for so many services; they end with the context, what was forked does not."""
    shared = SHARED if services > 1 else ()
    with ExitStack() as ending:
        migrator = ending.enter_context(_told(["leadctl.stack.migrating"], env, log_folder))
        forks = ending.enter_context(_told(["servicekit.local.forks", *shared], env, log_folder))
        yield HeadStart(migrator, forks, env)


@contextmanager
def _told(
    words: Sequence[str], env: Mapping[str, str], log_folder: Path
) -> Iterator[subprocess.Popen[str]]:
    """A Python program that is told over its standard input what to do; it ends with the context."""
    with (log_folder / f"{words[0]}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the command is this repository's own
            [sys.executable, "-P", "-m", *words],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(env),
            start_new_session=True,
            text=True,
        )
    try:
        yield process
    finally:
        # It has done what it was told by now, or is not needed any more.
        process.kill()
        process.wait()
        with suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}
