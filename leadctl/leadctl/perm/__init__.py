"""`leadctl perm`: may this actor do this, why, and who decides about exceptions."""

import typer

from leadctl.perm import approvals, leaving, questions

perm_app = typer.Typer(
    help="Permissions: decisions and their reasons, approvals, people who leave.",
    no_args_is_help=True,
)
perm_app.command()(questions.check)
perm_app.command()(questions.explain)
perm_app.command()(questions.lookup)
perm_app.command()(leaving.offboard)
perm_app.command("offboarding")(leaving.show)
perm_app.command("request")(approvals.request_access)
perm_app.command("requests")(approvals.show_requests)
perm_app.command()(approvals.approve)
perm_app.command()(approvals.deny)

__all__ = ["perm_app"]
