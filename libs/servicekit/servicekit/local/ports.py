"""Which TCP port a local server listens on: chosen once, kept with the server's data."""

import secrets
import socket
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
    """The port that `folder` keeps under `name`, chosen at the first call; no two names share one."""
    file = folder / name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        taken = {int(other.read_text()) for other in folder.iterdir()}
        file.write_text(f"{_free_port_besides(taken)}\n")
    return int(file.read_text())


def _free_port_besides(taken: set[int]) -> int:
    port = free_port()
    return port if port not in taken else _free_port_besides(taken)


def _can_listen(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
