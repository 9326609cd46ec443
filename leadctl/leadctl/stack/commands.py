"""`leadctl stack` and `leadctl streams`."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from servicekit.local.processes import DidNotStart, Exited, NeverStarted, ProcessState, Running
from servicekit.streams import Login, WouldLoseMessages, apply_streams, load_definitions

from leadctl.stack.servers import DEPLOYED_NATS, OPERATOR_USER, BusAddress
from leadctl.stack.stack import ProgramStatus, Stack, StackIsBusy

stack_app = typer.Typer(
    help="The whole system on this machine: NATS, PostgreSQL and every service.",
    no_args_is_help=True,
)
streams_app = typer.Typer(help="The streams of the bus.", no_args_is_help=True)
console = Console()
errors = Console(stderr=True)

Setting = Annotated[
    list[str],
    typer.Option("--set", metavar="NAME:KEY=VALUE", help="One more variable for one program."),
]


@stack_app.command()
def up(settings: Setting = []) -> None:  # noqa: B006 - Typer wants the plain default, reads only
    """Start what does not run yet, and wait until all is ready. What died is started again."""
    stack = Stack(settings=_parsed_settings(settings))
    with console.status("starting the stack"):
        _run_or_exit(stack.up(lambda step: console.print(f"[green]+[/] {step}", highlight=False)))
    console.print(_table(asyncio.run(stack.status())))


@stack_app.command()
def down(
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Delete data, logs and keys too.")] = False,
) -> None:
    """Stop everything; a service gets its grace period to finish what it is doing."""
    with console.status("stopping the stack"):
        _run_or_exit(Stack().down(purge=purge))
    console.print("the stack is down" + (" and its data are gone" if purge else ""))


@stack_app.command()
def status() -> None:
    """Say what runs where, and what died with which exit code. Exits 1 if anything is not well."""
    stack = Stack()
    if not stack.directory.exists():
        console.print(f"no stack in {stack.directory}")
        raise typer.Exit(1)
    statuses = asyncio.run(stack.status())
    console.print(_table(statuses))
    if any(status.problem for status in statuses):
        raise typer.Exit(1)


@stack_app.command()
def kill(
    name: Annotated[str, typer.Argument(help="A service, or nats, or postgres.")],
    number: Annotated[int, typer.Option("--signal", help="Which signal.")] = signal.SIGKILL,
) -> None:
    """Send a signal to one program, SIGKILL by default: nothing starts it again by itself."""
    Stack().kill(name, signal.Signals(number))


@stack_app.command()
def start(name: Annotated[str, typer.Argument(help="A service, or nats, or postgres.")]) -> None:
    """Start one program as the last `up` did, and wait until it is ready."""
    _run_or_exit(Stack().start(name))


@streams_app.command()
def apply(
    nats_url: Annotated[str, typer.Option(help="A cluster; else the local stack's.")] = "",
    user: Annotated[str, typer.Option(envvar="NATS_USER", help="With --nats-url.")] = "",
    password: Annotated[str, typer.Option(envvar="NATS_PASSWORD", help="With --nats-url.")] = "",
    replicas: Annotated[
        int | None, typer.Option(help="Copies of each message, 3 in production.")
    ] = None,
    definitions: Annotated[Path, typer.Option(help="What the streams shall be.")] = DEPLOYED_NATS
    / "streams.yaml",
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if messages are lost.")] = False,
) -> None:
    """Make the server's streams agree with their definitions, and say what changed."""
    address = _bus_address(nats_url, user=user, password=password)
    streams = load_definitions(definitions, replicas=replicas)
    try:
        changes = asyncio.run(apply_streams(address.url, streams, login=address.login, force=force))
    except WouldLoseMessages as refusal:
        errors.print(f"[red]{refusal}[/]\nnothing was changed; --force does it all the same")
        raise typer.Exit(1) from None
    for change in changes:
        console.print(f"{change.name:<14}{change.action}  {', '.join(change.details)}")


def _bus_address(nats_url: str, *, user: str, password: str) -> BusAddress:
    if nats_url:
        return BusAddress(nats_url, Login(user, password) if user else None)
    return Stack().servers.bus_address(OPERATOR_USER)


def _run_or_exit(step: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(step)
    except (DidNotStart, StackIsBusy, OSError) as problem:
        errors.print(str(problem), style="red", markup=False)
        raise typer.Exit(1) from None


def _parsed_settings(settings: list[str]) -> dict[str, dict[str, str]]:
    parsed: dict[str, dict[str, str]] = {}
    for setting in settings:
        name, colon, rest = setting.partition(":")
        key, equals, value = rest.partition("=")
        if not (colon and equals):
            raise typer.BadParameter(f"{setting!r} is not NAME:KEY=VALUE")
        parsed.setdefault(name, {})[key] = value
    return parsed


def _table(statuses: list[ProgramStatus]) -> Table:
    table = Table("program", "state", "listens on", "problem", box=None, padding=(0, 2, 0, 0))
    for status in statuses:
        problem = status.problem or ""
        if problem and status.last_log_line:
            problem += f"; last words: {status.last_log_line[:200]}"
        colour = "red" if problem else "green"
        table.add_row(
            status.name, f"[{colour}]{_described(status.state)}[/]", status.address, escape(problem)
        )
    return table


def _described(state: ProcessState) -> str:
    match state:
        case Running(pid):
            return f"runs, pid {pid}"
        case Exited(None):
            return "gone, nobody saw how"
        case Exited(code) if code is not None and code > 128:
            return f"killed by signal {code - 128}"
        case Exited(code):
            return f"exited with {code}"
        case NeverStarted():
            return "not started"
