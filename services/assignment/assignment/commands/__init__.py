"""Load, decide, save, publish: what assignment does."""

from assignment.commands.assigning import Drained, assign_leads, drain_waiting
from assignment.commands.contact import Fired, fire_contact_timers, mark_contacted
from assignment.commands.customers import merge_customers, part_customers
from assignment.commands.desk import Desk
from assignment.commands.privacy import erase_leads, kept_about
from assignment.commands.reps import open_up, put_reps, retire_reps
from assignment.commands.withdrawing import withdraw_leads

__all__ = [
    "Desk",
    "Drained",
    "Fired",
    "assign_leads",
    "drain_waiting",
    "erase_leads",
    "fire_contact_timers",
    "kept_about",
    "mark_contacted",
    "merge_customers",
    "open_up",
    "part_customers",
    "put_reps",
    "retire_reps",
    "withdraw_leads",
]
