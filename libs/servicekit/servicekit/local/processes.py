"""A program that runs beside its starter and is found again through files.

Each program has a keeper, a few lines of shell, that writes the program's process id and, when it
ends, its exit code. So a command that starts later can say what died and how.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Arguments: pid file, exit file, signal for the program when the starter is gone (or ""), program.
# The starter holds the other end of standard input: its end is the starter's death.
KEEPER = """
exec 3<&0 0</dev/null 4>&2 2>/dev/null
pid_file=$1 exit_file=$2 orphan_signal=$3
shift 3
"$@" 3<&- 2>&4 4>&- &
program=$!
echo $program > "$pid_file.new" && mv "$pid_file.new" "$pid_file"
if [ -n "$orphan_signal" ]; then
    ( read -r _ <&3; kill -"$orphan_signal" $program ) >/dev/null 4>&- &
    watcher=$!
fi
wait $program
code=$?
[ -z "$orphan_signal" ] || kill $watcher
echo $code > "$exit_file.new" && mv "$exit_file.new" "$exit_file"
"""
POLL_S = 0.005
FORK_TIMEOUT_S = 60.0
"""How long another keeper may take to start a program: it may have to import first."""
LAST_WORD_S = 2.0
"""How long a keeper that is no child of this process may take to write the exit code."""


class DidNotStart(RuntimeError):  # noqa: N818 - errors are named by what is wrong
    """A program ended, or was not ready in time; carries its last log lines."""

    def __init__(self, name: str, reason: str, log_tail: str) -> None:
        super().__init__(f"{name} {reason}\n{log_tail}".rstrip())
        self.name = name


@dataclass(frozen=True, slots=True)
class Running:
    """The program runs under this process id."""

    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The program ended; `code` is 128 + signal if one ended it, None if nobody saw its end."""

    code: int | None


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """No trace of the program in its run directory."""


ProcessState = Running | Exited | NeverStarted


class KeptProcess:
    """One named program: at most one instance of it runs for one `run_dir`.

    `orphan_signal` (a name such as "KILL") is what the program gets when the starting process is
    gone; without it the program outlives its starter.
    """

    def __init__(
        self, name: str, *, run_dir: Path, log_path: Path, orphan_signal: str | None = None
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._orphan_signal = orphan_signal
        self._pid_file = run_dir / f"{name}.pid"
        self._born_file = run_dir / f"{name}.born"
        self._exit_file = run_dir / f"{name}.exit"
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> int:
        """Start `command` unless it runs already; its process id. Output is appended to the log."""
        match self.state():
            case Running(pid):
                return pid
            case _:
                self._clear()
                self._spawn(command, env=env, cwd=cwd)
                return self._record_birth()

    def start_by(self, keeper: Callable[[Path, Path], None]) -> int:
        """Let another keeper start the program unless it runs already; the program's process id.

        `keeper` is told the files for the process id and, at the end, the exit code, as KEEPER writes them.
        """
        match self.state():
            case Running(pid):
                return pid
            case _:
                self._clear()
                keeper(self._pid_file, self._exit_file)
                return self._record_birth(FORK_TIMEOUT_S)

    def state(self) -> ProcessState:
        """What is known about the program now."""
        try:
            pid, born = int(self._pid_file.read_text()), self._born_file.read_text()
        except FileNotFoundError:
            return NeverStarted()
        if _birth_of(pid) == born:
            return Running(pid)
        return Exited(self._exit_code())

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program does not run."""
        match self.state():
            case Running(pid):
                os.kill(pid, number)
            case _:
                pass

    def wait(self, timeout_s: float) -> bool:
        """Whether the program has ended, and its exit code is on file, within `timeout_s`."""
        ended = wait_until(lambda: not isinstance(self.state(), Running), timeout_s=timeout_s)
        if ended and self._keeper is not None:
            self._forget_keeper()
        elif ended and self._pid_file.exists():
            wait_until(self._exit_file.exists, timeout_s=LAST_WORD_S)
        return ended

    def stop(self, *, grace_s: float, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask the program to end; kill it when it still runs after `grace_s`."""
        self.send(with_signal)
        if not self.wait(grace_s):
            self.kill()

    def kill(self) -> None:
        """End the program as a power cut would: SIGKILL, no last words."""
        self.send(signal.SIGKILL)
        self.wait(10)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines the program wrote."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_bytes()[-20_000:].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def did_not_start(self, reason: str) -> DidNotStart:
        """Kill what runs; the error that says why the program is not up, with its last words."""
        self.kill()
        return DidNotStart(self.name, reason, self.log_tail())

    def _spawn(
        self, command: Sequence[str], *, env: Mapping[str, str] | None, cwd: Path | None
    ) -> None:
        keeper = ["/bin/sh", "-c", KEEPER, f"keeper-{self.name}"]
        files = [str(self._pid_file), str(self._exit_file), self._orphan_signal or ""]
        with self.log_path.open("ab") as log:
            self._keeper = subprocess.Popen(  # noqa: S603 - the command is this repository's own
                [*keeper, *files, *command],
                stdin=subprocess.PIPE if self._orphan_signal else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    def _record_birth(self, timeout_s: float = 10) -> int:
        if not wait_until(self._pid_file.exists, timeout_s=timeout_s):
            raise self.did_not_start("was not started by its keeper")
        pid = int(self._pid_file.read_text())
        self._born_file.write_text(_birth_of(pid) or "ended at once")
        return pid

    def _clear(self) -> None:
        self._forget_keeper()
        for file in (self._pid_file, self._born_file, self._exit_file):
            file.unlink(missing_ok=True)

    def _forget_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.wait(timeout=10)
            if self._keeper.stdin is not None:
                self._keeper.stdin.close()
            self._keeper = None

    def _exit_code(self) -> int | None:
        if self._keeper is not None:
            self._keeper.wait(timeout=10)
        return int(self._exit_file.read_text()) if self._exit_file.exists() else None


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Whether `condition` became true within `timeout_s`; blocks the calling thread."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _birth_of(pid: int) -> str | None:
    """When the kernel started `pid`, in ticks since boot; None if it does not run.

    The pair of both is unique: a process id alone comes back for another program.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started_ticks = fields[0], fields[19]
    return None if state in "ZX" else started_ticks
