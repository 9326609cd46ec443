"""What can be asked about leads, reps and rules; nothing here writes."""

from assignment.queries.leads import explain_assignment, get_assignment
from assignment.queries.pool import list_pool
from assignment.queries.reps import gaps_in_force, list_calendars, list_reps
from assignment.queries.rules import check_rules, get_rules, list_rules, simulate_rules

__all__ = [
    "check_rules",
    "explain_assignment",
    "gaps_in_force",
    "get_assignment",
    "get_rules",
    "list_calendars",
    "list_pool",
    "list_reps",
    "list_rules",
    "simulate_rules",
]
