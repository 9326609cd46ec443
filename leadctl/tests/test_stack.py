"""The local stack comes up whole, says the truth about itself, and restarts nothing silently."""

import asyncio
import base64
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import asyncpg
import pytest
from leadctl.__main__ import app
from leadctl.identities import Identities
from leadctl.stack.programs import SERVICES, Program
from leadctl.stack.settings import DEPLOYED_NATS
from leadctl.stack.stack import Stack, StackIsBusy
from leadctl.testing import CliRunner
from servicekit.auth import TokenVerifier
from servicekit.local.nats_permissions import load_users
from servicekit.local.processes import DidNotStart, Exited, Running

HARBOUR = Program("harbour", "harbour", keys=("GATE_KEY",))
LIGHTHOUSE = Program(
    "lighthouse", "lighthouse", env={"HARBOUR_GRPC": "{harbour.grpc}"}, is_service=False
)
PROGRAMS = Path(__file__).parent / "programs"
STREAMS = """
defaults: {max_age_days: 1, max_size_mib: 16, max_message_size_kib: 64, duplicate_window_s: 60, replicas: 1}
streams:
  HARBOUR: {subjects: [harbour.v1.>]}
"""
PERMISSIONS = """
services:
  harbour: {publishes: [HARBOUR], consumes: {}}
  stranger: {publishes: [], consumes: {}}
operator: operator
"""


def test_after_up_all_is_ready_and_a_second_up_changes_nothing(stack: Stack) -> None:
    pids = stack.pids()
    steps: list[str] = []

    asyncio.run(stack.up(steps.append))

    assert stack.pids() == pids
    assert set(pids) == {"nats", "postgres", "harbour", "lighthouse"}
    assert [status.problem for status in asyncio.run(stack.status())] == [None] * 4
    assert "1 streams: no change" in steps


def test_programs_learn_each_others_addresses(stack: Stack) -> None:
    targets = stack.targets()

    host = targets["lighthouse"].http.removeprefix("http://")
    with closing(HTTPConnection(host, timeout=5)) as connection:
        connection.request("GET", "/")
        told = connection.getresponse().read().decode()

    assert told == targets["harbour"].grpc
    assert stack.env("harbour")["GRPC_PORT"] == told.rpartition(":")[2]


def test_a_service_has_its_own_tables_and_reaches_no_other_database(stack: Stack) -> None:
    url = stack.env("harbour")["HARBOUR_DATABASE_URL"]

    async def look() -> tuple[str, str]:
        connection = await asyncpg.connect(url)
        owner = await connection.fetchval(
            "SELECT tableowner FROM pg_tables WHERE tablename = 'ships'"
        )
        synced = await connection.fetchval("SHOW fsync")
        await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(f"{url.rpartition('/')[0]}/postgres")
        return owner, synced

    assert asyncio.run(look()) == ("harbour", "on")


def test_a_service_token_is_signed_for_the_stacks_audience(stack: Stack) -> None:
    env = stack.env("harbour")
    token = Path(env["SERVICE_TOKEN_FILE"]).read_text()
    operator_token = stack.operator_token_file().read_text()

    async def check() -> tuple[str, frozenset[str]]:
        verifier = TokenVerifier(
            Path(env["JWKS_FILE"]), issuer=env["TOKEN_ISSUER"], audience=env["TOKEN_AUDIENCE"]
        )
        caller = await verifier.verify(token)
        operator = await verifier.verify(operator_token)
        return caller.subject, caller.scopes | operator.scopes

    subject, scopes = asyncio.run(check())
    assert subject == "harbour"
    assert scopes == {"service:harbour", "operator"}


def test_a_key_of_a_program_is_made_once_and_is_32_bytes(stack: Stack) -> None:
    key = stack.env("harbour")["GATE_KEY"]

    assert len(base64.b64decode(key)) == 32
    assert stack.env("harbour")["GATE_KEY"] == key


def test_secrets_are_for_their_owner_only(stack: Stack) -> None:
    folder = stack.directory / "secrets"

    modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {0o600}


def test_a_killed_program_stays_dead_until_it_is_started(stack: Stack) -> None:
    stack.kill("harbour", signal.SIGKILL)

    dead = {status.name: status for status in asyncio.run(stack.status())}["harbour"]
    asyncio.run(stack.start("harbour"))
    back = {status.name: status for status in asyncio.run(stack.status())}["harbour"]

    assert dead.state == Exited(128 + signal.SIGKILL)
    assert (dead.problem, dead.last_log_line) == ("does not run", "the harbour is open")
    assert isinstance(back.state, Running)
    assert back.problem is None


@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_a_killed_server_comes_back_with_its_data_on_the_same_port(
    stack: Stack, server: str
) -> None:
    address = {status.name: status.address for status in asyncio.run(stack.status())}[server]

    stack.kill(server)
    asyncio.run(stack.start(server))

    status = {status.name: status for status in asyncio.run(stack.status())}[server]
    assert (status.problem, status.address) == (None, address)
    assert "1 streams: no change" in _up_again(stack)


def test_two_commands_do_not_change_one_stack_at_a_time(stack: Stack) -> None:
    async def both() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stack.up())
            tasks.create_task(stack.up())

    with pytest.raises(ExceptionGroup) as refused:
        asyncio.run(both())

    assert refused.group_contains(StackIsBusy)


def test_a_program_that_cannot_start_is_named_with_its_last_words(
    tmp_path: Path, programs: dict[str, str]
) -> None:
    stack = _stack(tmp_path, programs, settings={"harbour": {"STORM": "1"}})

    with pytest.raises(DidNotStart, match="closed by a storm"):
        asyncio.run(stack.up())

    asyncio.run(stack.down(purge=True))


def test_down_stops_in_good_order_keeps_data_and_may_be_repeated(
    tmp_path: Path, programs: dict[str, str]
) -> None:
    stack = _stack(tmp_path, programs)
    asyncio.run(stack.up())

    asyncio.run(stack.down())
    asyncio.run(stack.down())
    states = {status.name: status.state for status in asyncio.run(stack.status())}
    steps = _up_again(stack)
    asyncio.run(stack.down(purge=True))
    asyncio.run(stack.down(purge=True))

    assert states["harbour"] == states["nats"] == states["postgres"] == Exited(0)
    assert "1 streams: no change" in steps
    assert not stack.directory.exists()


def test_clusters_named_in_the_environment_are_used_and_none_is_started(
    tmp_path: Path, programs: dict[str, str], nats_url: str, database_url: str
) -> None:
    given = {**programs, "NATS_URL": nats_url, "HARBOUR_DATABASE_URL": database_url}
    stack = _stack(tmp_path, given)

    asyncio.run(stack.up())

    assert set(stack.pids()) == {"harbour", "lighthouse"}
    assert stack.env("harbour")["HARBOUR_DATABASE_URL"] == database_url
    asyncio.run(stack.down(purge=True))


def test_every_service_of_the_stack_has_a_row_of_bus_rights() -> None:
    rows = {row.service for row in load_users(DEPLOYED_NATS / "permissions.yaml").services}

    assert rows == {program.name for program in SERVICES}


def test_a_token_is_good_for_a_week(tmp_path: Path) -> None:
    identities = Identities(tmp_path / "secrets")
    identities.mint("harbour", scopes=["service:harbour"])
    token = identities.token_file("harbour").read_text()

    async def verified_at(moment: datetime) -> str:
        verifier = TokenVerifier(
            identities.jwks_file,
            issuer="leadchain-local",
            audience="leadchain",
            clock=moment.timestamp,
        )
        return (await verifier.verify(token)).subject

    assert asyncio.run(verified_at(datetime.now(UTC) + timedelta(days=6))) == "harbour"


def test_the_command_applies_streams_and_says_what_changed(nats_url: str, tmp_path: Path) -> None:
    definitions = tmp_path / "streams.yaml"
    definitions.write_text(STREAMS)
    command = ["streams", "apply", "--nats-url", nats_url, "--definitions", str(definitions)]

    first = CliRunner().invoke(app, command)
    again = CliRunner().invoke(app, command)
    definitions.write_text(STREAMS.replace("harbour.v1", "harbour.v2"))
    refused = CliRunner().invoke(app, command)

    assert (first.exit_code, first.output.split()) == (0, ["HARBOUR", "created"])
    assert again.output.split() == ["HARBOUR", "unchanged"]
    assert refused.exit_code == 1
    assert "no longer takes harbour.v1.>" in refused.output


def test_the_command_refuses_to_kill_what_it_does_not_know(stack: Stack) -> None:
    environment = {"LEADCHAIN_STACK_DIR": str(stack.directory)}

    refused = CliRunner().invoke(app, ["stack", "kill", "submarine"], env=environment)

    assert refused.exit_code == 2
    assert "submarine" in refused.output


def test_status_without_a_stack_says_so_and_leaves_no_trace(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"

    shown = CliRunner().invoke(app, ["stack", "status"], env={"LEADCHAIN_STACK_DIR": str(nowhere)})

    assert shown.exit_code == 1
    assert "no stack in" in shown.output
    assert not nowhere.exists()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, programs: dict[str, str]) -> Iterator[Stack]:
    """A stack that is up; a test that takes something down brings it up again."""
    running = _stack(tmp_path_factory.mktemp("stack"), programs)
    asyncio.run(running.up())
    yield running
    asyncio.run(running.down(purge=True))


@pytest.fixture(scope="module")
def programs() -> dict[str, str]:
    """An environment in which the test's own programs are importable."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAMS)}


def _stack(
    directory: Path,
    environment: dict[str, str],
    settings: dict[str, dict[str, str]] | None = None,
) -> Stack:
    files = directory / "nats_files"
    files.mkdir()
    (files / "streams.yaml").write_text(STREAMS)
    (files / "permissions.yaml").write_text(PERMISSIONS)
    return Stack(
        directory / "stack",
        programs=[HARBOUR, LIGHTHOUSE],
        settings=settings,
        environment=environment,
        nats_files=files,
    )


def _up_again(stack: Stack) -> list[str]:
    steps: list[str] = []
    asyncio.run(stack.up(steps.append))
    return steps
