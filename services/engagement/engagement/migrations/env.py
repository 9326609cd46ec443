"""Runs engagement's migrations."""

from engagement.store.rows import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
