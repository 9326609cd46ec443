"""Where somebody was: coordinates in two datums, and how far apart two places are.

Maps and phones in China state GCJ-02, which shifts WGS-84 by up to some 700 m; a distance between the two datums means
nothing (FU-04). The shift is that of the public description of GCJ-02 on the Krasovsky 1940 ellipsoid; outside of
China both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import asin, cos, pi, radians, sin, sqrt

from servicekit.errors import Invalid

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""
_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
_CHINA = (0.8293, 55.8271, 72.004, 137.8347)
"""Southern, northern, western and eastern bound within which GCJ-02 shifts, in degrees."""
_ROUNDS = 4
"""Each round of undoing the shift leaves less than a hundredth of the error before: four leave micrometres."""


class Datum(Enum):
    """What coordinates refer to."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"


class WrongCoordinates(Invalid):
    """Coordinates that are on no map."""

    def __init__(self) -> None:
        super().__init__("latitude is -90 to 90 and longitude -180 to 180 degrees")


@dataclass(frozen=True, slots=True)
class Place:
    """A point in WGS-84, in degrees."""

    latitude: float
    longitude: float

    def distance_m(self, other: Place) -> float:
        """Metres to another place, along the earth's surface (haversine)."""
        latitude, other_latitude = radians(self.latitude), radians(other.latitude)
        up = sin((other_latitude - latitude) / 2) ** 2
        across = sin(radians(other.longitude - self.longitude) / 2) ** 2
        return 2 * EARTH_RADIUS_M * asin(sqrt(up + cos(latitude) * cos(other_latitude) * across))


def place(latitude: float, longitude: float, datum: Datum) -> Place:
    """The point that coordinates of a datum name; raises `WrongCoordinates`, also for what is no number."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise WrongCoordinates
    if datum is Datum.WGS84:
        return Place(latitude, longitude)
    guess = Place(latitude, longitude)
    for _ in range(_ROUNDS):
        shifted = gcj02(guess)
        guess = Place(
            guess.latitude - (shifted.latitude - latitude),
            guess.longitude - (shifted.longitude - longitude),
        )
    return guess


def gcj02(point: Place) -> Place:
    """The coordinates in GCJ-02 of a point in WGS-84."""
    south, north, west, east = _CHINA
    if not (south <= point.latitude <= north and west <= point.longitude <= east):
        return point
    x, y = point.longitude - 105.0, point.latitude - 35.0
    squash = 1 - _ECCENTRICITY_SQUARED * sin(radians(point.latitude)) ** 2
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / (squash * sqrt(squash))
    parallel_m = _AXIS_M / sqrt(squash) * cos(radians(point.latitude))
    return Place(
        point.latitude + _northward_m(x, y) * 180 / (meridian_m * pi),
        point.longitude + _eastward_m(x, y) * 180 / (parallel_m * pi),
    )


def _northward_m(x: float, y: float) -> float:
    plane = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    return plane + _ripple(x, (20, 6), (20, 2)) + _ripple(y, (20, 1), (40, 1 / 3)) + _swell(y)


def _eastward_m(x: float, y: float) -> float:
    plane = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    return plane + _ripple(x, (20, 6), (20, 2)) + _ripple(x, (20, 1), (40, 1 / 3)) + _roll(x)


def _swell(y: float) -> float:
    return _ripple(y, (160, 1 / 12), (320, 1 / 30))


def _roll(x: float) -> float:
    return _ripple(x, (150, 1 / 12), (300, 1 / 30))


def _ripple(at: float, *waves: tuple[float, float]) -> float:
    return sum(height * sin(frequency * at * pi) for height, frequency in waves) * 2 / 3
