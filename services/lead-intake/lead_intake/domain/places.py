"""Places as leads name them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Precision(StrEnum):
    """How closely a region is known; ambiguous where the words fit places that have nothing in common."""

    UNKNOWN = "unknown"
    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"
    ZONE = "zone"
    AMBIGUOUS = "ambiguous"


class Method(StrEnum):
    """How a region came to be known: by what was said, or by a weaker hint such as a phone's area code."""

    NONE = "none"
    STATED = "stated"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Region:
    """A place in China as far as it is known; every field is empty where it is not.

    `province` and `city` are in Chinese without suffix. `district` is a full name, because 朝阳区 and 朝阳县 differ; a
    zone, such as 雄安新区, stands there too and has no code. Codes are those of GB/T 2260, of 2, 4 and 6 digits; a
    municipality's city is its XX01, and a county-level city of no prefecture is a city with its 6 digits.
    `candidates` are the full names of the places that the words fit where none must be chosen, at most ten.
    """

    province: str = ""
    city: str = ""
    precision: Precision = Precision.UNKNOWN
    district: str = ""
    province_code: str = ""
    city_code: str = ""
    district_code: str = ""
    method: Method = Method.NONE
    candidates: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The code of the closest division known, filled up to 6 digits; empty when none is."""
        closest = self.district_code or self.city_code or self.province_code
        return closest.ljust(6, "0") if closest else ""

    @property
    def has_city(self) -> bool:
        """Whether the city is known, or a part of it."""
        return self.precision in _WITHIN_A_CITY


_WITHIN_A_CITY = frozenset({Precision.CITY, Precision.DISTRICT, Precision.ZONE})
