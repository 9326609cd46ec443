"""Runs identity's migrations."""

from identity.store.tables import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
