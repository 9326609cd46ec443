"""`python -P -m servicekit.local.forks MODULE...`: imports the modules once; programs are then forks of it.

What programs of one kind import costs more than the rest of their start. A line of standard input is an order, the
JSON of an `Order`; the end of the input is the end of this program, not of its forks. A fork runs a module as
`python -m` would, and has a keeper, a fork too, which writes its process id and, when it ends, its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Order:
    """A program: its module, its whole environment, the file that gets what it writes, and its keeper's two files."""

    name: str
    module: str
    env: dict[str, str]
    log: str
    pid_file: str
    exit_file: str


def main() -> None:
    """Forks a program for each order; returns when there are no more."""
    for name in sys.argv[1:]:
        import_module(name)
    # What is shared stays shared: the collector would write to every page of it.
    gc.freeze()
    for line in sys.stdin:
        order = Order(**json.loads(line))
        if os.fork() == 0:
            _keep(order)
            return


def _keep(order: Order) -> None:
    """Forks the program and waits for its end; returns in neither but when the program has returned."""
    os.setsid()
    _write_to(order.log)
    pid = os.fork()
    if pid == 0:
        _become(order)
        return
    _tell(order.pid_file, pid)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    # As a shell says it: a signal is 128 and its number.
    _tell(order.exit_file, code if code >= 0 else 128 - code)
    _end()


def _become(order: Order) -> None:
    """Runs the program; what it raises, `SystemExit` too, goes on to the interpreter."""
    os.environ.clear()
    os.environ.update(order.env)
    with suppress(OSError):
        Path("/proc/self/comm").write_text(order.name)
    sys.argv = [order.module]
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


def _write_to(log: str) -> None:
    """Standard output and error go to `log`, standard input is empty, nothing else is open."""
    with Path(log).open("ab") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _tell(file: str, number: int) -> None:
    unfinished = Path(f"{file}.new")
    unfinished.write_text(f"{number}\n")
    unfinished.rename(file)


def _end() -> NoReturn:
    """Ends a keeper without the interpreter's farewell, which is the program's."""
    os._exit(0)


if __name__ == "__main__":
    main()
