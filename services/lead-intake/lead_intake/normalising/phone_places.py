"""Which city a Chinese phone number was issued in: a hint of where its owner is, never a statement.

The table is generated (tools/generate_gazetteer.py), because the library that it comes from takes 5 s and 190 MB to
load its data of the whole world. People move and keep their numbers, so a hint ranks below whatever was said.
"""

from __future__ import annotations

import json
import lzma
import sys
from array import array
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from lead_intake.domain.places import Method, Precision, Region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lead_intake.normalising.regions import Gazetteer

CHINA = "+86"
MOBILE_FIRST = 1_300_000
MOBILE_PREFIX_DIGITS = 7
AREA_CODE_DIGITS_MAX = 7
AREA_CODE_DIGITS_MIN = 2

_UNKNOWN = Region()


class PhonePlaces:
    """Regions by area code and by mobile prefix."""

    def __init__(
        self, regions: Sequence[Region], landlines: Mapping[str, int], mobiles: array[int]
    ) -> None:
        self._regions = regions
        self._landlines = landlines
        self._mobiles = mobiles

    def hint_of(self, e164: str) -> Region:
        """The region in which a number in E.164 was issued, by `Method.HINT`; unknown when it does not say."""
        if not e164.startswith(CHINA):
            return _UNKNOWN
        national = e164.removeprefix(CHINA)
        if len(national) == len("13800138000") and national.startswith("1"):
            position = int(national[:MOBILE_PREFIX_DIGITS]) - MOBILE_FIRST
            is_known = 0 <= position < len(self._mobiles)
            return self._regions[self._mobiles[position]] if is_known else _UNKNOWN
        for length in range(AREA_CODE_DIGITS_MAX, AREA_CODE_DIGITS_MIN - 1, -1):
            if (place := self._landlines.get(national[:length])) is not None:
                return self._regions[place]
        return _UNKNOWN


def load_phone_places(gazetteer: Gazetteer) -> PhonePlaces:
    """The table that ships with the service."""
    packed = resources.files("lead_intake.policies").joinpath("phone_places.bin").read_bytes()
    line, _, numbers = lzma.decompress(packed).partition(b"\n")
    head: dict[str, Any] = json.loads(line)
    mobiles = array("H", numbers)
    if sys.byteorder == "big":
        mobiles.byteswap()
    regions = [_hint(gazetteer.with_code(code)) if code else _UNKNOWN for code in head["places"]]
    return PhonePlaces(regions, head["landlines"], mobiles)


def _hint(region: Region) -> Region:
    return (
        _UNKNOWN if region.precision is Precision.UNKNOWN else replace(region, method=Method.HINT)
    )
