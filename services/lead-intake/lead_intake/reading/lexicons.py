"""The places and industries that texts are read against."""

from __future__ import annotations

from dataclasses import dataclass

from lead_intake.normalising.industries import IndustryLexicon, load_lexicon
from lead_intake.normalising.regions import Gazetteer, load_gazetteer


@dataclass(frozen=True, slots=True)
class Lexicons:
    """A gazetteer and a lexicon of industries."""

    gazetteer: Gazetteer
    industries: IndustryLexicon


def load_lexicons() -> Lexicons:
    """Those that ship with the service."""
    return Lexicons(load_gazetteer(), load_lexicon())
