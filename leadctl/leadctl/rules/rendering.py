"""How answers about routing rules look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from leadctl.presentation import moment, plain_table

if TYPE_CHECKING:
    from leadchain.assignment.v1 import rules_service_pb2 as pb
    from rich.console import Console

CHANGES_SHOWN = 50


def check(console: Console, file_name: str, answer: pb.CheckRulesResponse) -> None:
    """Each fault on a line of its own, as editors read it; else what the document would ask of reps."""
    for fault in answer.faults:
        path = f"{fault.path}: " if fault.path else ""
        console.print(f"{file_name}:{fault.line}: {path}{fault.reason}", markup=False)
    if answer.faults:
        return
    console.print(f"nothing is wrong; sha256 {answer.sha256}")
    console.print(f"in force is version {answer.version_in_force}")
    for gap in answer.gaps:
        console.print(f"lacking: {gap}", markup=False)


def simulation(console: Console, answer: pb.SimulateRulesResponse) -> None:
    """Loads by rep, then the leads whose owner differs, then what was taken for granted."""
    console.print(
        f"{answer.lead_count} leads: {answer.changed_count} get another owner than by version "
        f"{answer.version_in_force}; waiting {answer.in_force_waiting_count} -> "
        f"{answer.proposed_waiting_count}"
    )
    numbers = ("really", "in force", "proposed")
    loads = plain_table("rep", *numbers, numbers=numbers)
    for load in answer.loads:
        counts = (load.real_count, load.in_force_count, load.proposed_count)
        loads.add_row(escape(load.rep_id) or "(nobody)", *map(str, counts))
    console.print(loads)
    _render_changes(console, answer)
    for assumption in answer.assumptions:
        console.print(f"assumed: {assumption}", markup=False)


def published(console: Console, answer: pb.PublishRulesResponse) -> None:
    """The version in force."""
    again = ", as it was" if answer.is_repeated else ""
    console.print(f"version {answer.version} is in force{again}")


def versions(console: Console, answer: pb.ListRulesResponse) -> None:
    """A row for each version."""
    table = plain_table("version", "from", "by", "approval", "again", "sha256")
    for each in answer.versions:
        table.add_row(
            f"{each.version}{' (in force)' if each.is_in_force else ''}",
            moment(each.published_at),
            escape(each.published_by) or "the service's own file",
            escape(each.approval_id) or "-",
            str(each.restored_version or "-"),
            each.sha256[:16],
        )
    console.print(table)


def _render_changes(console: Console, answer: pb.SimulateRulesResponse) -> None:
    table = plain_table("lead", "really", "in force", "proposed", "by")
    for change in answer.changes[:CHANGES_SHOWN]:
        table.add_row(
            change.lead_id,
            escape(change.real_assignee_id) or "-",
            escape(change.in_force_assignee_id) or "-",
            escape(change.proposed_assignee_id) or "-",
            f"{escape(change.in_force_rule_id)} -> {escape(change.proposed_rule_id)}",
        )
    if table.row_count:
        console.print(table)
    more = answer.changed_count - min(len(answer.changes), CHANGES_SHOWN)
    if more > 0:
        console.print(f"and {more} more; --json shows up to {len(answer.changes)}")
