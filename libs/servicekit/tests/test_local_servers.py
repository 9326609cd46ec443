"""Local servers keep what they acknowledged; test fixtures give each test its own ground."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import nats
import pytest
from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import kept_port
from servicekit.local.postgres_server import PostgresServer
from servicekit.local.processes import DidNotStart, Exited, KeptProcess, NeverStarted, Running
from servicekit.local.unprivileged import OtherUser
from servicekit.testing.waiting import eventually


async def test_a_database_made_for_a_test_is_empty_and_ready_within_a_moment(
    database_url: str,
) -> None:
    started_at = time.perf_counter()

    connection = await asyncpg.connect(database_url)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert tables == 0
    assert time.perf_counter() - started_at < 2


@pytest.mark.parametrize("visit", ["first", "second"])
async def test_a_nats_account_starts_without_the_streams_of_the_test_before(
    nats_url: str, visit: str
) -> None:
    connection = await nats.connect(nats_url)
    jetstream = connection.jetstream()

    streams_before = await jetstream.streams_info()
    await jetstream.add_stream(name="LEFT_BEHIND", subjects=["left.>"])
    await connection.close()

    assert streams_before == []


async def test_nats_keeps_acknowledged_messages_through_a_kill(
    own_nats_server: NatsServer,
) -> None:
    came_back = asyncio.Event()

    async def note_the_return() -> None:
        came_back.set()

    connection = await nats.connect(own_nats_server.url, reconnected_cb=note_the_return)
    jetstream = connection.jetstream()
    await jetstream.add_stream(name="KEPT", subjects=["kept.>"])
    for number in range(20):
        await jetstream.publish("kept.one", str(number).encode())

    own_nats_server.kill9()
    state_when_killed = own_nats_server.process.state()
    own_nats_server.start()

    async with asyncio.timeout(10):
        await came_back.wait()
    info = await connection.jetstream().stream_info("KEPT")
    await connection.close()
    assert state_when_killed == Exited(128 + signal.SIGKILL)
    assert info.state.messages == 20


async def test_postgres_keeps_committed_rows_through_a_kill_and_a_restart(
    own_postgres_server: PostgresServer,
) -> None:
    connection = await asyncpg.connect(own_postgres_server.url())
    await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 20) AS number")

    own_postgres_server.kill9()
    own_postgres_server.start()
    own_postgres_server.restart()

    connection.terminate()
    again = await asyncpg.connect(own_postgres_server.url())
    assert await again.fetchval("SELECT count(*) FROM kept") == 20
    await again.close()


async def test_a_durable_postgres_syncs_every_commit_and_wants_a_password(tmp_path: Path) -> None:
    server = PostgresServer(
        tmp_path / "postgres", durable=True, password="made-up", orphan_signal="INT"
    )
    server.start()

    try:
        connection = await asyncpg.connect(server.url())
        settings = [
            await connection.fetchval(f"SHOW {name}") for name in ("fsync", "shared_buffers")
        ]
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url().replace("made-up", "guessed"))
    finally:
        server.remove()

    assert settings == ["on", "256MB"]
    assert not server.data_dir.exists()


def test_a_server_dies_with_the_program_that_started_it(tmp_path: Path) -> None:
    starter = (
        "import sys, pathlib; from servicekit.local.nats_server import NatsServer\n"
        "server = NatsServer(pathlib.Path(sys.argv[1]), orphan_signal='KILL')\n"
        "server.start(); print(server.process.state().pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        os.kill(pid, 0)
        program.kill()

    asyncio.run(eventually(lambda: not Path(f"/proc/{pid}").exists(), what="the orphan has ended"))


async def test_a_program_found_through_its_files_is_the_one_that_was_started(
    tmp_path: Path,
) -> None:
    starter = KeptProcess("worker", run_dir=tmp_path, log_path=tmp_path / "worker.log")
    finder = KeptProcess("worker", run_dir=tmp_path, log_path=tmp_path / "worker.log")
    before = finder.state()

    pid = starter.start(["/bin/sh", "-c", "echo started; sleep 60 & wait $!"])
    again = finder.start(["/bin/false"])
    while_running = finder.state()
    await eventually(finder.log_tail, what="what the program says")
    finder.stop(grace_s=5)
    starter.wait(5)

    assert (before, while_running, again) == (NeverStarted(), Running(pid), pid)
    assert finder.state() == Exited(128 + signal.SIGTERM)
    assert finder.log_tail().splitlines()[0] == "started"


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, authorization="no such setting {", orphan_signal="KILL")

    with pytest.raises(DidNotStart, match="Parse error"):
        server.start()


def test_a_port_is_chosen_once_and_kept_for_its_name_alone(tmp_path: Path) -> None:
    chosen = [kept_port(tmp_path, f"program-{number}") for number in range(200)]

    assert [kept_port(tmp_path, f"program-{number}") for number in range(200)] == chosen
    assert len(set(chosen)) == 200
    assert max(chosen) < 32_768


def test_a_user_cannot_reach_what_lies_under_a_private_folder(tmp_path: Path) -> None:
    stranger = OtherUser(uid=64_000, gid=64_000)
    tmp_path.chmod(0o700)

    assert not stranger.can_reach(tmp_path / "data")
    assert stranger.can_reach(Path("/usr/bin/env"))
