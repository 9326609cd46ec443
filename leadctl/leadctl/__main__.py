"""The `leadctl` command: its groups of commands."""

import typer

from leadctl.stack.commands import stack_app, streams_app

app = typer.Typer(
    help="Operate Leadchain: the local stack, the streams of the bus.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(stack_app, name="stack")
app.add_typer(streams_app, name="streams")


def main() -> None:
    """Run the command line and exit."""
    app()


if __name__ == "__main__":
    main()
