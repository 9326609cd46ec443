"""`leadctl drill`: the whole chain under a day's burst, with stand-ins for everybody outside."""

import typer

from leadctl.drill.reminders import reminders

drill_app = typer.Typer(
    help="Drills: a burst through the whole chain, measured.", no_args_is_help=True
)
drill_app.command()(reminders)


@drill_app.callback()
def _group() -> None:
    """Each drill is a command of its own."""


__all__ = ["drill_app"]
