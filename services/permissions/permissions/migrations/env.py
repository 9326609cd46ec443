"""Runs permissions's migrations."""

from permissions.store.tables import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
