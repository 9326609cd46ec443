"""Runs assignment: `python -m assignment [serve | migrate | revise | check-migrations | asyncapi]`."""

from servicekit.service import run

from assignment.app import build
from assignment.settings import Settings

run(build, Settings, "assignment")
