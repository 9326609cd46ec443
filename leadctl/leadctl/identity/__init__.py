"""`leadctl identity`: which records are of one customer, how well that is known, and what is said of customers."""

import typer

from leadctl.identity import evaluate

identity_app = typer.Typer(
    help="Customers: how well records are matched, and what is known of them.",
    no_args_is_help=True,
)
identity_app.command("evaluate")(evaluate.evaluate_model)

__all__ = ["identity_app"]
