"""Putting a policy of survivorship into force, and finding out beforehand what it would change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from servicekit.errors import Conflict, NotFound

FIRST_VERSION = 1000
"""Published policies begin here; packaged ones are below."""

EXAMPLES_MAX = 20


class NoSuchPolicy(NotFound):
    """No policy has this version."""

    def __init__(self) -> None:
        super().__init__("no policy has this version")


class PolicyMoved(Conflict):
    """Another policy has come into force since the one that this was held against."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is in force")
        self.version = version


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """How often a field would come out otherwise, and Golden IDs of some of the customers."""

    field: str
    customer_count: int
    golden_ids: tuple[str, ...]


@dataclass(slots=True)
class Trial:
    """What another policy would change, counted customer by customer; no values."""

    base_version: int
    checked_count: int = 0
    changed_count: int = 0
    is_over: bool = False
    _counts: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def count(self, golden_id: str, fields: list[str]) -> None:
        """Takes one customer in; `fields` would come out otherwise."""
        self.checked_count += 1
        self.changed_count += bool(fields)
        self._counts.update(fields)
        for name in fields:
            examples = self._examples.setdefault(name, [])
            if len(examples) < EXAMPLES_MAX:
                examples.append(golden_id)

    def differences(self) -> list[FieldDifference]:
        """The fields that would change, the most frequent first."""
        in_order = sorted(self._counts.items(), key=lambda each: (-each[1], each[0]))
        return [FieldDifference(name, n, tuple(self._examples[name])) for name, n in in_order]
