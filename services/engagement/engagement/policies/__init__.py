"""The rules of engagement, as people write them: YAML, each with its JSON Schema and its loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engagement.policies.behaviours import load_behaviour_policy
from engagement.policies.follow_ups import load_follow_up_policy
from engagement.policies.stages import load_machine

if TYPE_CHECKING:
    from pathlib import Path

    from engagement.domain.behaviours import BehaviourPolicy
    from engagement.domain.follow_ups import FollowUpPolicy
    from engagement.domain.stages import Machine


@dataclass(frozen=True, slots=True)
class Policies:
    """All rules in force."""

    follow_ups: FollowUpPolicy
    behaviours: BehaviourPolicy
    machine: Machine


def load_policies(
    follow_ups: Path | None = None, behaviours: Path | None = None, stages: Path | None = None
) -> Policies:
    """The rules in these files, packaged ones where none is named; raises `servicekit.documents.InvalidPolicy`."""
    return Policies(
        load_follow_up_policy(follow_ups), load_behaviour_policy(behaviours), load_machine(stages)
    )
