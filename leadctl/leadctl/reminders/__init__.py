"""`leadctl reminders`: who was told what, on which routes, and whether it arrived."""

import typer

from leadctl.reminders import accounts, groups, health, listing

reminders_app = typer.Typer(
    help="Reminders: their health, their routes, and what became of each.", no_args_is_help=True
)
reminders_app.command()(health.health)
reminders_app.command("list")(listing.list_reminders)
reminders_app.command()(listing.routes)
reminders_app.command()(groups.check)
reminders_app.command("accounts")(accounts.apply)

__all__ = ["reminders_app"]
