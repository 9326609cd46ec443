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


def kept_port(file: Path) -> int:
    """The port written in `file`; chosen and written there at the first call."""
    if not file.exists():
        file.write_text(f"{free_port()}\n")
    return int(file.read_text())


def _can_listen(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
