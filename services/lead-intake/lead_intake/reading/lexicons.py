"""What texts are read against: places, industries, and where phone numbers were given out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lead_intake.normalising.industries import IndustryLexicon, load_lexicon
from lead_intake.normalising.phone_places import PhonePlaces, load_phone_places
from lead_intake.normalising.regions import Gazetteer, load_gazetteer


@dataclass(frozen=True, slots=True)
class Lexicons:
    """A gazetteer, a lexicon of industries, and where phone numbers were given out."""

    gazetteer: Gazetteer
    industries: IndustryLexicon
    phone_places: PhonePlaces


@cache
def load_lexicons() -> Lexicons:
    """Those that ship with the service, loaded once in a process."""
    gazetteer = load_gazetteer()
    return Lexicons(gazetteer, load_lexicon(), load_phone_places(gazetteer))
