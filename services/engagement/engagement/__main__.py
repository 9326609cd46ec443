"""`python -m engagement`: serves, or migrates its database."""

from servicekit.command_line import run

run("engagement")
