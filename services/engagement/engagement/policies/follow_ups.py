"""What a follow-up says and when it counts, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.follow_ups import Ask, EvidenceKind, FollowUpPolicy

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "engagement.policies"


def load_follow_up_policy(file: Path | None = None) -> FollowUpPolicy:
    """The rules in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`."""
    document = load_document(PACKAGE, "follow_ups", file)
    content = document.content
    effective = content["effective"]
    if effective["any"] > len(effective["of"]):
        reason = f"asks for {effective['any']} of {len(effective['of'])} kinds: nothing would count"
        raise document.fault(["effective", "any"], reason)
    return _policy(content)


def _policy(content: dict[str, Any]) -> FollowUpPolicy:
    effective = content["effective"]
    return FollowUpPolicy(
        version=content["version"],
        words={
            "objection": tuple(content["objections"]),
            "response": tuple(content["responses"]),
            "next_action": tuple(content["next_actions"]),
        },
        any_of=effective["any"],
        asks={EvidenceKind[kind.upper()]: Ask(**asked) for kind, asked in effective["of"].items()},
        contact=frozenset(EvidenceKind[kind.upper()] for kind in content["contact"]),
        visit_within_m=content["visit"]["within_m"],
        confirm_within=timedelta(hours=content["confirm_within_h"]),
        stale_after=timedelta(hours=content["stale_after_h"]),
    )
