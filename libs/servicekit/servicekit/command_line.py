"""The command line of a service: serve, or migrate its database.

Every service keeps its `Settings` in `settings.py` and its `build` in `app.py`; what a command does not need is not
imported for it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from servicekit.logs import configure_logging

if TYPE_CHECKING:
    from servicekit.chassis import Chassis
    from servicekit.settings import ServiceSettings


def run(package: str) -> None:
    """Does what the arguments of the process ask of the service in `package`, and exits the process."""
    settings_class: type[ServiceSettings] = import_module(f"{package}.settings").Settings
    arguments = _parser(package, settings_class.service).parse_args()
    settings = settings_class()
    configure_logging(settings_class.service, settings.log_level)
    match arguments.command:
        case "serve" | None:
            sys.exit(_serve(package, settings))
        case "asyncapi":
            sys.stdout.write(asyncio.run(_asyncapi(package, settings)) + "\n")
        case _:
            _change_database(package, settings, arguments)


def _serve(package: str, settings: ServiceSettings) -> int:
    import uvloop

    async def serve() -> int:
        return await _built(package, settings).service().run()

    return uvloop.run(serve())


async def _asyncapi(package: str, settings: ServiceSettings) -> str:
    return _built(package, settings).bus.asyncapi()


def _built(package: str, settings: ServiceSettings) -> Chassis:
    chassis: Chassis = import_module(f"{package}.app").build(settings)
    return chassis


def _change_database(
    package: str, settings: ServiceSettings, arguments: argparse.Namespace
) -> None:
    from servicekit import migrations

    database_url = settings.database_url.get_secret_value()
    match arguments.command:
        case "migrate":
            migrations.upgrade(database_url, package)
        case "revise":
            migrations.revise(database_url, package, arguments.message)
        case "check-migrations":
            migrations.check(database_url, package)


def _parser(package: str, service: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description=f"Leadchain's {service}. Settings are environment variables.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="serve until SIGTERM (default)")
    commands.add_parser("migrate", help="bring the database to the newest revision")
    revise = commands.add_parser("revise", help="write the next migration from the models")
    revise.add_argument("message")
    commands.add_parser("check-migrations", help="fail when models and migrations differ")
    commands.add_parser("asyncapi", help="print what the service reads, as AsyncAPI 3.0")
    return parser
