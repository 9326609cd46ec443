"""Facts: who stands in which relation to what, since which entry of the log and until when.

Names are compared byte by byte. What could be mistaken for another name (not NFC, with control or bidirectional
characters, or with the separators of the written form) is refused where it enters.
"""

import math
import unicodedata
from typing import Any

import msgspec
from servicekit.errors import Invalid

NAME_CHARS_MAX = 200
FOREVER_S = math.inf
EVERYONE = "*"
"""The subject id of a fact that holds for every subject of its type."""

_SEPARATORS = frozenset(":#@")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class BadName(Invalid):
    """A type, relation or id that could be mistaken for another, or is too long."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not a name: NFC, 1 to {NAME_CHARS_MAX} visible characters, none of ':#@'"
        )
        self.what = what


class Entity(msgspec.Struct, frozen=True, gc=False, order=True):
    """A typed id: a user, a service, a lead, a role."""

    type: str
    id: str

    def __str__(self) -> str:
        """The written form, `type:id`."""
        return f"{self.type}:{self.id}"


class Fact(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`resource_type:resource_id # relation @ subject_type:subject_id [# subject_relation]`.

    `condition` names a condition of the model that must hold, with `context` as its stored arguments. `until_s` is
    Unix time in seconds after which the fact is void. `seq` is the audit entry that stated it.
    """

    resource_type: str
    resource_id: str
    relation: str
    subject_type: str
    subject_id: str
    subject_relation: str = ""
    condition: str = ""
    context: dict[str, Any] | None = None
    until_s: float | None = None
    seq: int = 0

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        """What makes it the same fact, whatever its condition, expiry and entry."""
        return (
            self.resource_type,
            self.resource_id,
            self.relation,
            self.subject_type,
            self.subject_id,
            self.subject_relation,
        )

    def __str__(self) -> str:
        """The written form."""
        subject = f"{self.subject_type}:{self.subject_id}"
        if self.subject_relation:
            subject = f"{subject}#{self.subject_relation}"
        return f"{self.resource_type}:{self.resource_id}#{self.relation}@{subject}"


def checked_name(name: str, what: str) -> str:
    """`name` itself; raises `BadName`, which names `what` and never the value."""
    if name.isascii() and name.isalnum() and len(name) <= NAME_CHARS_MAX:
        return name
    if not name or len(name) > NAME_CHARS_MAX or not unicodedata.is_normalized("NFC", name):
        raise BadName(what)
    if any(
        char in _SEPARATORS or unicodedata.category(char) in _REFUSED_CATEGORIES for char in name
    ):
        raise BadName(what)
    if name != name.strip():
        raise BadName(what)
    return name
