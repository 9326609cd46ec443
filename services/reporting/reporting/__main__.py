"""`python -m reporting`: serves, or migrates its database."""

from servicekit.command_line import run

run("reporting")
