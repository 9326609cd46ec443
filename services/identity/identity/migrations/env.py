"""Runs identity's migrations."""

from identity.store import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
