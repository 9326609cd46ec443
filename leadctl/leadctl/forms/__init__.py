"""`leadctl forms`: versions of forms, what they would break, how they do, and whose posts would be refused."""

import typer

from leadctl.forms import checking, guarding, publishing

forms_app = typer.Typer(help="Forms: check, publish, try, guard.", no_args_is_help=True)
forms_app.command()(publishing.put)
forms_app.command("list")(publishing.show_all)
forms_app.command()(checking.check)
forms_app.command()(publishing.publish)
forms_app.command()(publishing.promote)
forms_app.command()(publishing.rollback)
forms_app.command()(guarding.guard)
forms_app.command()(guarding.exempt)
forms_app.command()(guarding.callers)

__all__ = ["forms_app"]
