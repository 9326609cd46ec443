"""Alembic's entry: assignment's tables under the kit's rules."""

from assignment.store.rows import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
