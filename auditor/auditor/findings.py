"""What an audit can find, in words that the runbook explains."""

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """How the log was tampered with."""

    MODIFIED = "modified"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    FORKED = "forked"
    RESIGNED = "re-signed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first entry that is not as it was written. `place` is `log`, `head`, `checkpoint`, `key` or `state`."""

    seq: int
    kind: Kind
    place: str
    detail: str = ""

    def __str__(self) -> str:
        """One line."""
        more = f": {self.detail}" if self.detail else ""
        return f"{self.kind.value} at entry {self.seq} ({self.place}){more}"


class Incomplete(Exception):  # noqa: N818 - errors are named by what is wrong
    """What was given is not enough to say anything: no dump, a part of one, or nothing that seals it."""


@dataclass(slots=True)
class Report:
    """What an audit came to. Without findings, everything up to `sealed_size` is vouched for."""

    entries: int = 0
    checkpoints: int = 0
    cosignatures: int = 0
    state: int = 0
    sealed_size: int = 0
    is_key_trusted: bool = True
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def first(self) -> Finding | None:
        """The finding of the lowest entry; None when the log is whole."""
        return min(self.findings, key=lambda finding: finding.seq, default=None)
