"""Load, decide, save, publish: what assignment does."""

from assignment.commands.assigning import Drained, assign_leads, drain_waiting
from assignment.commands.contact import Fired, fire_contact_timers, mark_contacted
from assignment.commands.desk import Desk
from assignment.commands.reps import open_up, put_reps, retire_reps

__all__ = [
    "Desk",
    "Drained",
    "Fired",
    "assign_leads",
    "drain_waiting",
    "fire_contact_timers",
    "mark_contacted",
    "open_up",
    "put_reps",
    "retire_reps",
]
