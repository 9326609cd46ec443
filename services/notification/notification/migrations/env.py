"""Runs notification's migrations."""

from notification.store.rows import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
