"""Which relations hold between subjects and resources, given a model and the facts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from accesskit.decisions import Missing, Proof
from accesskit.facts import Fact
from accesskit.language import Model

__all__ = ["Check", "Relations", "Tree"]

Check: TypeAlias = Callable[
    [str, str, str, float, Mapping[str, Any] | None], Proof | Missing | None
]
"""(resource_id, subject_type, subject_id, now_s, context) -> the proof, what is missing, or None."""


class Tree(msgspec.Struct, frozen=True):
    """One level of how a relation comes to hold.

    `name` is the relation, `relation` of another resource as `type:id#relation`, or empty; `facts` are the live ones.
    """

    kind: Literal["union", "intersection", "exclusion", "direct", "computed", "via"]
    name: str = ""
    facts: tuple[Fact, ...] = ()
    parts: tuple["Tree", ...] = ()


class Relations:
    """The compiled model over an in-memory index of facts."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def put(self, fact: Fact) -> None:
        """State a fact, in place of one with the same key; raises `FactRefused` (Invalid)."""
        raise NotImplementedError

    def remove(self, fact: Fact) -> None:
        """Forget the fact with this key; harmless if there is none."""
        raise NotImplementedError

    def facts(
        self,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        relation: str | None = None,
        subject_type: str | None = None,
        subject_id: str | None = None,
    ) -> Iterator[Fact]:
        """The facts that match every given field, expired ones too; in no particular order."""
        raise NotImplementedError

    def checker(self, resource_type: str, relation: str) -> Check:
        """The compiled check of a relation: resolve once, call often. Raises `UnknownRelation` (Invalid)."""
        raise NotImplementedError

    def resources(
        self,
        subject_type: str,
        subject_id: str,
        resource_type: str,
        relation: str,
        *,
        now_s: float,
        context: Mapping[str, Any] | None = None,
    ) -> tuple[set[str], set[str]]:
        """Ids of the resources whose relation holds, and of those where it depends on missing context."""
        raise NotImplementedError

    def subjects(
        self,
        resource_type: str,
        resource_id: str,
        relation: str,
        *,
        subject_type: str,
        now_s: float,
        context: Mapping[str, Any] | None = None,
    ) -> tuple[set[str], set[str], bool]:
        """Ids that hold, ids that depend on missing context, and whether a subject that no fact names holds too."""
        raise NotImplementedError

    def expand(self, resource_type: str, resource_id: str, relation: str, *, now_s: float) -> Tree:
        """One level of how the relation comes to hold for this resource."""
        raise NotImplementedError
