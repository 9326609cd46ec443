"""The `leadctl` command: its groups of commands."""

import typer

from leadctl.accounts import accounts_app
from leadctl.audit import audit_app
from leadctl.channels import channels_app
from leadctl.dead_letters import backlog, dead_letters_app, outbox_app
from leadctl.demo.command import demo
from leadctl.drill import drill_app
from leadctl.engagement import (
    behaviours_app,
    follow_ups_app,
    opportunities_app,
    recordings_app,
    stages_app,
    standings_app,
    tasks_app,
    visits_app,
)
from leadctl.forms import forms_app
from leadctl.identity import identity_app
from leadctl.imports import import_file, imports_app
from leadctl.lead import lead_app
from leadctl.ledger import funnel, latency, ledger
from leadctl.mappings import mappings_app
from leadctl.perm import perm_app
from leadctl.pool import pool_app
from leadctl.privacy import privacy_app
from leadctl.quarantine import quarantine_app
from leadctl.rates import rates_app
from leadctl.recipients import recipients_app
from leadctl.reminders import reminders_app
from leadctl.reps import reps_app
from leadctl.rules import rules_app
from leadctl.stack.commands import stack_app, streams_app

app = typer.Typer(
    help="Operate Leadchain: leads, the ledger, people, what waits, and the local stack.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(stack_app, name="stack")
app.add_typer(streams_app, name="streams")
app.add_typer(lead_app, name="lead")
app.command()(ledger)
app.command()(funnel)
app.command()(latency)
app.add_typer(rates_app, name="rates")
app.add_typer(opportunities_app, name="opportunities")
app.add_typer(follow_ups_app, name="follow-ups")
app.add_typer(behaviours_app, name="behaviours")
app.add_typer(stages_app, name="stages")
app.add_typer(recordings_app, name="recordings")
app.add_typer(tasks_app, name="tasks")
app.add_typer(standings_app, name="standings")
app.add_typer(visits_app, name="visits")
app.add_typer(perm_app, name="perm")
app.add_typer(reps_app, name="reps")
app.add_typer(rules_app, name="rules")
app.add_typer(pool_app, name="pool")
app.add_typer(recipients_app, name="recipients")
app.add_typer(reminders_app, name="reminders")
app.add_typer(accounts_app, name="accounts")
app.add_typer(audit_app, name="audit")
app.add_typer(channels_app, name="channels")
app.add_typer(mappings_app, name="mappings")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(identity_app, name="identity")
app.add_typer(privacy_app, name="privacy")
app.add_typer(forms_app, name="forms")
app.command("import")(import_file)
app.add_typer(imports_app, name="imports")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(outbox_app, name="outbox")
app.command()(backlog)
app.command()(demo)
app.add_typer(drill_app, name="drill")


def main() -> None:
    """Run the command line and exit."""
    app()


if __name__ == "__main__":
    main()
