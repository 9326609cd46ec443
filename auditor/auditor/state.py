"""Replaying the changes that the log states, and comparing what they lead to with the state that is on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

Key = tuple[str, ...]

KEYS = {
    "principal_put": ("principal_id",),
    "lease_put": ("resource_type", "resource_id"),
    "policy_put": ("version",),
    "device_put": ("device_id",),
    "network_put": ("cidr",),
    "network_removed": ("cidr",),
    "session_revoked": ("session_id",),
}
DECIDING_STAGES = frozenset({"live", "shadow"})


@dataclass(slots=True)
class Replay:
    """For each thing that has a state, the last change of it and the entry that states it."""

    last: dict[Key, tuple[int, dict[str, Any]]] = field(default_factory=dict)

    def apply(self, seq: int, changes: Iterable[dict[str, Any]]) -> None:
        """Takes one entry's changes; raises KeyError, TypeError or ValueError for what is no change."""
        last = self.last
        for change in changes:
            last[key_of(change)] = (seq, change)

    def merge(self, later: Replay) -> None:
        """Takes what came later."""
        self.last.update(later.last)


def key_of(change: dict[str, Any]) -> Key:
    """What a change is about; two changes of one thing have the same key."""
    kind = change["kind"]
    if kind == "fact_put" or kind == "fact_removed":  # noqa: PLR1714 - twice as fast as a set
        fact = change["fact"]
        return (
            "fact",
            fact["resource_type"],
            fact["resource_id"],
            fact["relation"],
            fact["subject_type"],
            fact["subject_id"],
            fact.get("subject_relation", ""),
        )
    try:
        return (kind.partition("_")[0], *(str(change[name]) for name in KEYS[kind]))
    except KeyError:
        raise ValueError(f"unknown change {kind}") from None


def differences(
    replay: Replay, recorded: Iterable[dict[str, Any]], *, now_s: float
) -> list[Finding]:
    """Where the state on record is not what the log's changes lead to.

    What has ended by `now_s` may be on record or not.
    """
    on_record = {key_of(change): change for change in recorded if _decides(change)}
    expected = _standing(replay)
    found = []
    for key in on_record.keys() - expected.keys():
        seq = replay.last[key][0] if key in replay.last else 0
        found.append(Finding(seq, Kind.INSERTED, "state", _named(key)))
    for key, (seq, change) in expected.items():
        if key not in on_record:
            if not has_ended(change, now_s):
                found.append(Finding(seq, Kind.DELETED, "state", _named(key)))
        elif on_record[key] != change:
            found.append(Finding(seq, Kind.MODIFIED, "state", _named(key)))
    return found


def _standing(replay: Replay) -> dict[Key, tuple[int, dict[str, Any]]]:
    standing = {key: entry for key, entry in replay.last.items() if _decides(entry[1])}
    for stage in DECIDING_STAGES:
        held = [key for key, (_, change) in standing.items() if change.get("stage") == stage]
        for key in sorted(held, key=lambda key: standing[key][0])[:-1]:
            # Of two versions in one stage, the later one took the place of the other.
            del standing[key]
    return standing


def _decides(change: dict[str, Any]) -> bool:
    if change["kind"] in ("fact_removed", "network_removed"):
        return False
    return change["kind"] != "policy_put" or change["stage"] in DECIDING_STAGES


def has_ended(change: dict[str, Any], now_s: float) -> bool:
    """Whether what a change says holds no longer at `now_s`, Unix seconds."""
    until_s = change.get("until_s") or change.get("fact", {}).get("until_s")
    return until_s is not None and until_s <= now_s


def _named(key: Key) -> str:
    return " ".join(part for part in key if part)
