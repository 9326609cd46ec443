"""What a photo from the field must be (IN-21). Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

PHOTO_BYTES_MAX = 300 * 1024
"""IN-21: 300 KB after the device's compression."""

ACCURACY_MAX_M = 50.0
"""IN-21: a place counts as evidence when it is known to 50 m."""

CLOCK_AHEAD_MAX = timedelta(minutes=5)
CONTENT_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True)
class MediaNote:
    """A photo and where it was taken, in degrees (WGS 84) and metres; `taken_at` is None where the device says none."""

    content_type: str
    size_bytes: int
    taken_at: datetime | None
    latitude_deg: float
    longitude_deg: float
    accuracy_m: float


def problems(note: MediaNote, *, now: datetime) -> list[str]:
    """Short codes of everything that is wrong with a note; none when it would be taken."""
    verdicts = {
        "photo_type_unknown": note.content_type not in CONTENT_TYPES,
        "photo_empty": note.size_bytes == 0,
        "photo_too_large": note.size_bytes > PHOTO_BYTES_MAX,
        "time_missing": note.taken_at is None,
        "clock_ahead": note.taken_at is not None and note.taken_at > now + CLOCK_AHEAD_MAX,
        "place_impossible": not _is_on_earth(note),
        "place_inaccurate": not 0 < note.accuracy_m <= ACCURACY_MAX_M,
    }
    return [code for code, is_wrong in verdicts.items() if is_wrong]


def _is_on_earth(note: MediaNote) -> bool:
    place = (note.latitude_deg, note.longitude_deg)
    is_number = all(math.isfinite(part) for part in place)
    return is_number and abs(place[0]) <= 90 and abs(place[1]) <= 180 and place != (0.0, 0.0)
