"""Which TCP port a local server listens on: chosen once, kept with the server's data."""

import os
import secrets
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

# Below the range from which Linux takes ports for outgoing connections (32768 and up), so that
# no client of this machine takes the port while its server is restarting.
LOWEST = 20_000
COUNT = 12_000


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` on which nobody listens at this moment."""
    while True:
        port = LOWEST + secrets.randbelow(COUNT)
        if _can_listen(host, port):
            return port


def kept_port(folder: Path, name: str) -> int:
    """The port that `folder` keeps under `name`, chosen at the first call; no two names share one.

    Nobody else on this machine is given it either, though its server may start much later, until the folder is gone.
    """
    file = folder.absolute() / name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_free_port(file)
        while not _is_claimed_by(file):
            _write_free_port(file)
    return int(file.read_text())


def _write_free_port(file: Path) -> None:
    file.write_text(f"{free_port()}\n")


def _is_claimed_by(file: Path) -> bool:
    """Whether the port in `file` is this file's: the first that links to itself has it, while it exists."""
    claims = Path(tempfile.gettempdir()) / f"leadchain-ports-{os.geteuid()}"
    claims.mkdir(mode=0o700, exist_ok=True)
    claim = claims / file.read_text().strip()
    if claim.is_symlink() and not claim.exists():
        claim.unlink(missing_ok=True)
    with suppress(FileExistsError):
        claim.symlink_to(file)
    return claim.exists() and claim.samefile(file)


def _can_listen(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
