"""`python -m identity`: serves, or migrates its database."""

from servicekit.service import run

from identity.app import build
from identity.settings import Settings

run(build, Settings, "identity")
