"""`python -m lead_intake`: serves, or migrates its database."""

from servicekit.command_line import run

run("lead_intake")
