"""Runs reporting's migrations."""

from reporting.store.rows import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
