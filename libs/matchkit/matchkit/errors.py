"""What can be wrong with a record, a model or a judgement; no message holds a value of a record."""

from __future__ import annotations


class MatchingError(Exception):
    """The family of this library's errors."""


class Unreadable(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A raw value is so long that it cannot be one; `field` names where, `length` counts characters."""

    def __init__(self, field: str, length: int) -> None:
        super().__init__(f"{field}: {length} characters are too many for a value")
        self.field = field
        self.length = length


class ModelInvalid(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A model names a kind, part, level or field that does not exist, or lacks what it needs."""


class WeakSecret(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A secret for keyed hashes is too short or too long; `length` counts bytes."""

    def __init__(self, length: int) -> None:
        super().__init__(f"a secret of 16 to 64 bytes is needed, not {length}")
        self.length = length


class RecordUnknown(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """No record of this id is loaded."""

    def __init__(self, record_id: int) -> None:
        super().__init__(f"record {record_id} is not known")
        self.record_id = record_id


class RecordKnown(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A record of this id is there already; records never change."""

    def __init__(self, record_id: int) -> None:
        super().__init__(f"record {record_id} is known already")
        self.record_id = record_id


class SameRecord(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A record cannot be judged against itself."""

    def __init__(self, record_id: int) -> None:
        super().__init__(f"record {record_id} cannot be judged against itself")
        self.record_id = record_id


class JudgementsContradict(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A judgement cannot stand beside what is known: `reason` is `judgement`, a field, or `size`."""

    def __init__(self, a: int, b: int, reason: str) -> None:
        super().__init__(f"records {a} and {b}: contradicted by {reason}")
        self.a = a
        self.b = b
        self.reason = reason


class NotLoaded(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """The holders of a key are needed, but only their number was loaded."""

    def __init__(self, key: int) -> None:
        super().__init__(f"the holders of key {key} are not loaded")
        self.key = key
