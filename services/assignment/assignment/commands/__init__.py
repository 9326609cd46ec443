"""Load, decide, save, publish: what assignment does."""

from assignment.commands.answering import accept_lead, decline_lead
from assignment.commands.assigning import Drained, assign_leads, drain_waiting
from assignment.commands.contact import mark_contacted, note_follow_ups
from assignment.commands.customers import merge_customers, part_customers
from assignment.commands.desk import Desk
from assignment.commands.duty import note_duty, report_presence
from assignment.commands.follow_ups import (
    fire_overdue_clocks,
    fire_yellow_clocks,
    note_effective,
)
from assignment.commands.fuse import Fired, fire_contact_timers
from assignment.commands.holds import fire_hold_clocks
from assignment.commands.pool import claim_lead, pool_lead
from assignment.commands.privacy import erase_leads, kept_about
from assignment.commands.reps import (
    import_reps,
    open_up,
    put_calendars,
    put_reps,
    retire_reps,
)
from assignment.commands.rules import Publication, Published, install_rules, publish_rules
from assignment.commands.withdrawing import withdraw_leads

__all__ = [
    "Desk",
    "Drained",
    "Fired",
    "Publication",
    "Published",
    "accept_lead",
    "assign_leads",
    "claim_lead",
    "decline_lead",
    "drain_waiting",
    "erase_leads",
    "fire_contact_timers",
    "fire_hold_clocks",
    "fire_overdue_clocks",
    "fire_yellow_clocks",
    "import_reps",
    "install_rules",
    "kept_about",
    "mark_contacted",
    "merge_customers",
    "note_duty",
    "note_effective",
    "note_follow_ups",
    "open_up",
    "part_customers",
    "pool_lead",
    "publish_rules",
    "put_calendars",
    "put_reps",
    "report_presence",
    "retire_reps",
    "withdraw_leads",
]
