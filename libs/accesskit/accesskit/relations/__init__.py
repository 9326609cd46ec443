"""Which relations hold between subjects and resources, given a model and the facts."""

from accesskit.relations.checks import Check
from accesskit.relations.edges import Entry
from accesskit.relations.faults import FactRefused, TooDeep, UnknownRelation
from accesskit.relations.index import Relations
from accesskit.relations.listing import Tree

__all__ = ["Check", "Entry", "FactRefused", "Relations", "TooDeep", "Tree", "UnknownRelation"]
