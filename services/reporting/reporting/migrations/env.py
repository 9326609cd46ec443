"""Runs reporting's migrations."""

from reporting.store import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
