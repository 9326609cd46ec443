"""`python -P -m leadctl.stack.migrating`: brings the databases of several services up to date, side by side.

What a migration imports costs more than the migration itself. Here it is imported once, before the orders come by
standard input; each service is then migrated in a fork of its own, with its own environment and log, as
`python -m SERVICE migrate` would do it.
"""

import json
import os
import runpy
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

FAILED = 1
PRELOADED = ("servicekit.command_line", "servicekit.settings", "servicekit.migrations")
"""What every service's migration imports."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One service: its Python module, the whole environment it sees, and the file that gets what it writes."""

    module: str
    env: dict[str, str]
    log: str


def written(migrations: Iterable[Migration]) -> str:
    """What tells this program what to do; it holds passwords."""
    return json.dumps([asdict(each) for each in migrations])


def migrate_all(migrations: Iterable[Migration]) -> int:
    """Migrates them side by side; 0, or the number from 1 of the first that failed."""
    pids = [_forked(each) for each in migrations]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    return next((number for number, code in enumerate(codes, start=1) if code != 0), 0)


def _forked(migration: Migration) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(_migrated(migration))
    return pid


def _migrated(migration: Migration) -> int:
    """The exit code of the module, run with `migrate` as its argument; what it raises is in the log."""
    _write_to(Path(migration.log))
    os.environ.clear()
    os.environ.update(migration.env)
    sys.argv = [migration.module, "migrate"]
    try:
        runpy.run_module(migration.module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else FAILED * bool(end.code)
    except BaseException:  # noqa: BLE001 - the fork ends here, whatever it was
        traceback.print_exc()
        return FAILED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _write_to(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


if __name__ == "__main__":
    for name in PRELOADED:
        import_module(name)
    told = sys.stdin.read()
    sys.exit(migrate_all([Migration(**each) for each in json.loads(told or "[]")]))
