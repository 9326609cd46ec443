"""The rules of engagement, as people write them: YAML, each with its JSON Schema and its loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engagement.policies.behaviours import load_behaviour_policy
from engagement.policies.follow_ups import load_follow_up_policy
from engagement.policies.stages import load_machine
from engagement.policies.standings import load_standing_policy
from engagement.policies.tasks import load_task_policy
from engagement.policies.visits import load_visit_policy
from engagement.policies.watches import load_watch_policy

if TYPE_CHECKING:
    from pathlib import Path

    from engagement.domain.behaviours import BehaviourPolicy
    from engagement.domain.follow_ups import FollowUpPolicy
    from engagement.domain.stages import Machine
    from engagement.domain.standings import StandingPolicy
    from engagement.domain.tasks import TaskPolicy
    from engagement.domain.visits import VisitPolicy
    from engagement.domain.watches import WatchPolicy


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The files that replace packaged rules; None for a document that is not replaced."""

    follow_ups: Path | None = None
    behaviours: Path | None = None
    stages: Path | None = None
    tasks: Path | None = None
    watches: Path | None = None
    standings: Path | None = None
    visits: Path | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """All rules in force."""

    follow_ups: FollowUpPolicy
    behaviours: BehaviourPolicy
    machine: Machine
    tasks: TaskPolicy
    watches: WatchPolicy
    standings: StandingPolicy
    visits: VisitPolicy


def load_policies(files: PolicyFiles | None = None) -> Policies:
    """The rules in these files, packaged ones where none is named; raises `servicekit.documents.InvalidPolicy`."""
    named = files or PolicyFiles()
    follow_ups = load_follow_up_policy(named.follow_ups)
    behaviours = load_behaviour_policy(named.behaviours)
    tasks = load_task_policy(named.tasks)
    return Policies(
        follow_ups,
        behaviours,
        load_machine(named.stages),
        tasks,
        load_watch_policy(named.watches, tasks=tasks.kinds, responses=follow_ups.words["response"]),
        load_standing_policy(named.standings, tasks=tasks.kinds, tags=behaviours.tags),
        load_visit_policy(named.visits),
    )
