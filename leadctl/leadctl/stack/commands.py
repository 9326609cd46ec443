"""`leadctl stack` and `leadctl streams`: the commands, and how they show what happened."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadctl.stack.settings import DEPLOYED_NATS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from servicekit.local.processes import ProcessState
    from servicekit.streams import Login

    from leadctl.stack.stack import ProgramStatus, Stack

stack_app = typer.Typer(
    help="The whole system on this machine: NATS, PostgreSQL and every service.",
    no_args_is_help=True,
)
streams_app = typer.Typer(help="The streams of the bus.", no_args_is_help=True)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Name = Annotated[str, typer.Argument(help="A service, or nats, or postgres.")]


@stack_app.command()
def up(
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME:KEY=VALUE", help="One more variable for a program."),
    ] = None,
) -> None:
    """Start what does not run yet, and wait until all is ready. What died is started again."""
    stack = _stack(settings or [])
    with console.status("starting the stack"):
        _run_or_exit(stack.up(lambda step: console.print(f"[green]+[/] {escape(step)}")))
    _show(asyncio.run(stack.status()))


@stack_app.command()
def down(
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Delete data, logs and keys too.")] = False,
) -> None:
    """Stop everything; a service gets its grace period to finish what it is doing."""
    with console.status("stopping the stack"):
        _run_or_exit(_stack().down(purge=purge))
    console.print("the stack is down" + (" and its data are gone" if purge else ""))


@stack_app.command()
def status() -> None:
    """Say what runs where, and what died with which exit code. Exits 1 if anything is not well."""
    stack = _stack()
    if not stack.directory.exists():
        console.print(f"no stack in {stack.directory}")
        raise typer.Exit(1)
    statuses = asyncio.run(stack.status())
    _show(statuses)
    if any(status.problem for status in statuses):
        raise typer.Exit(1)


@stack_app.command()
def kill(
    name: Name,
    number: Annotated[int, typer.Option("--signal", help="Which signal.")] = signal.SIGKILL,
) -> None:
    """Send a signal to one program, SIGKILL by default: nothing starts it again by itself."""
    _existing(name).kill(name, signal.Signals(number))


@stack_app.command()
def start(name: Name) -> None:
    """Start one program as the last `up` did, and wait until it is ready."""
    _run_or_exit(_existing(name).start(name))


@streams_app.command()
def rights(
    folder: Annotated[
        Path,
        typer.Option(
            help="Where streams.yaml and permissions.yaml are.", show_default="deploy/nats"
        ),
    ] = DEPLOYED_NATS,
) -> None:
    """Print the `authorization` block of a NATS server: each service's user and what it may do.

    The server reads each password from its environment, such as $LEAD_INTAKE_NATS_PASSWORD.
    """
    from servicekit.local.nats_permissions import load_users, render_authorization
    from servicekit.streams import load_definitions

    users = load_users(folder / "permissions.yaml")
    names = [row.service for row in users.services] + [users.operator]
    marks = {name: f"${name.replace('-', '_').upper()}_NATS_PASSWORD" for name in names}
    text = render_authorization(users, load_definitions(folder / "streams.yaml"), passwords=marks)
    for mark in marks.values():
        text = text.replace(f'"{mark}"', mark)
    typer.echo(text)


@streams_app.command()
def apply(
    nats_url: Annotated[str, typer.Option(help="A cluster; else the local stack's.")] = "",
    user: Annotated[str, typer.Option(envvar="NATS_USER", help="With --nats-url.")] = "",
    password: Annotated[str, typer.Option(envvar="NATS_PASSWORD", help="With --nats-url.")] = "",
    replicas: Annotated[int | None, typer.Option(help="Copies of a message; else 1.")] = None,
    definitions: Annotated[
        Path, typer.Option(help="What the streams shall be.", show_default="deploy/nats")
    ] = DEPLOYED_NATS / "streams.yaml",
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if messages are lost.")] = False,
) -> None:
    """Make the server's streams agree with their definitions, and say what changed."""
    from servicekit.streams import WouldLoseMessages, apply_streams, load_definitions

    url, login = _bus(nats_url, user=user, password=password)
    streams = load_definitions(definitions, replicas=replicas)
    try:
        changes = asyncio.run(apply_streams(url, streams, login=login, force=force))
    except WouldLoseMessages as refusal:
        errors.print(f"[red]{refusal}[/]\nnothing was changed; --force does it all the same")
        raise typer.Exit(1) from None
    for change in changes:
        console.print(f"{change.name:<14}{change.action}  {', '.join(change.details)}")


@stack_app.command()
def token(
    person: Annotated[str, typer.Argument(help="A person or service that permissions knows.")],
    epoch: Annotated[int, typer.Option(min=1, help="Of the person, as permissions knows it.")] = 1,
    device: Annotated[str, typer.Option(help="Id of the registered device they hold.")] = "",
    *,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="As if they had just proved to be there.")
    ] = False,
) -> None:
    """Write a token for somebody on this local stack, for --token-file; prints the file's path."""
    import time

    from servicekit.auth import SessionClaims

    session = SessionClaims(epoch=epoch)
    if device:
        session["device_id"] = device
    if second_factor:
        session |= {"amr": ["pwd", "otp"], "auth_time": time.time()}
    typer.echo(_existing("nats").identities.mint(person, scopes=[], **session))


def _stack(settings: Sequence[str] = ()) -> Stack:
    from leadctl.stack.stack import Stack

    return Stack(settings=_parsed(settings))


def _existing(name: str) -> Stack:
    stack = _stack()
    if not stack.directory.exists():
        raise typer.BadParameter(f"there is no stack in {stack.directory}")
    if name not in stack.names():
        raise typer.BadParameter(f"{name!r} is none of {', '.join(stack.names())}")
    return stack


def _parsed(settings: Sequence[str]) -> dict[str, dict[str, str]]:
    parsed: dict[str, dict[str, str]] = {}
    for setting in settings:
        name, colon, rest = setting.partition(":")
        key, equals, value = rest.partition("=")
        if not (colon and equals):
            raise typer.BadParameter(f"{setting!r} is not NAME:KEY=VALUE")
        parsed.setdefault(name, {})[key] = value
    return parsed


def _bus(nats_url: str, *, user: str, password: str) -> tuple[str, Login | None]:
    from servicekit.streams import Login

    from leadctl.stack.servers import OPERATOR_USER

    if nats_url:
        return nats_url, Login(user, password) if user else None
    address = _stack().servers.bus_address(OPERATOR_USER)
    return address.url, address.login


def _run_or_exit(step: Coroutine[Any, Any, None]) -> None:
    from servicekit.local.processes import DidNotStart

    from leadctl.stack.stack import StackIsBusy

    try:
        asyncio.run(step)
    except (DidNotStart, StackIsBusy, OSError) as problem:
        errors.print(str(problem), style="red", markup=False)
        raise typer.Exit(1) from None


def _show(statuses: list[ProgramStatus]) -> None:
    table = Table("program", "state", "listens on", "grpc", box=None, padding=(0, 2, 0, 0))
    for status in statuses:
        colour = "red" if status.problem else "green"
        state = f"[{colour}]{_described(status.state)}[/]"
        table.add_row(status.name, state, status.address, status.grpc)
    console.print(table)
    for status in statuses:
        if status.problem:
            last_words = f"; its last words: {status.last_log_line}" if status.last_log_line else ""
            console.print(f"[red]{status.name}[/] {escape(status.problem + last_words)}")


def _described(state: ProcessState) -> str:
    from servicekit.local.processes import Exited, NeverStarted, Running

    match state:
        case Running(pid):
            return f"runs, pid {pid}"
        case NeverStarted():
            return "not started"
        case Exited(None):
            return "gone, nobody saw how"
        case Exited(code) if code is not None and code > 128:
            return f"killed by signal {code - 128}"
        case Exited(code):
            return f"exited with {code}"
