"""Alembic's entry point for lead-intake's database."""

from lead_intake.store.tables import Base
from servicekit.migrations import run_environment

run_environment(Base.metadata)
