"""`python -m permissions`: serves, or migrates its database."""

from servicekit.service import run

from permissions.app import build
from permissions.settings import Settings

run(build, Settings, "permissions")
