"""The engine: policy and facts in memory, and the one function that decides."""

from accesskit.engine.engine import Engine
from accesskit.engine.filtering import Filter
from accesskit.engine.listing import LookupPage
from accesskit.engine.regime import RefusedFact

__all__ = ["Engine", "Filter", "LookupPage", "RefusedFact"]
