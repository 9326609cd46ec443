"""Context values as a condition's parameters declare them.

JSON carries no timestamps, durations or addresses: they come as text and are read strictly here, so that a value that
could be read in two ways is refused instead of guessed.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from servicekit.errors import Invalid

from accesskit.language.model import ParameterType

VALUES_MAX: Final = 512
TEXT_CHARS_MAX: Final = 4096
_DEPTH_MAX: Final = 8
_INT64: Final = 2**63
# CEL's arithmetic on times ends at the year 9999; from these bounds it does not get there by a few additions.
_YEAR_MIN: Final = 1900
_YEAR_MAX: Final = 2999
_DURATION_S_MAX: Final = 1000 * 365 * 86_400.0
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)"
)
_DURATION: Final = re.compile(r"-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class BadValue(Invalid):
    """A context value is not of its parameter's declared type; the value itself is not told."""

    def __init__(self, parameter: str, kind: str) -> None:
        super().__init__(f"context value {parameter} is not a valid {kind}")
        self.parameter = parameter
        self.kind = kind


def convert(parameter: str, kind: ParameterType, value: object) -> Any:
    """`value` as CEL takes it; raises `BadValue` for a wrong type, range, size or an ambiguous form."""
    if _size(value, 0) > VALUES_MAX:
        raise BadValue(parameter, f"{kind} of at most {VALUES_MAX} values")
    try:
        return _convert(kind, value)
    except (ValueError, OverflowError):
        raise BadValue(parameter, str(kind)) from None


def sample_of(kind: ParameterType) -> Any:
    """Some value of the type, as CEL takes it; `any` is sampled as a text."""
    if kind.item is not None:
        item = sample_of(kind.item)
        return [item] if kind.name == "list" else {"sample": item}
    return _SAMPLES[kind.name]


def address_text(text: str) -> str:
    """The canonical form of an IP address; an IPv4 address in IPv6 clothing (`::ffff:10.1.2.3`) is that IPv4 address.

    Raises ValueError, also for octets with leading zeros and for scoped addresses, which mean different hosts to
    different readers.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError("scoped")
        return str(address.ipv4_mapped or address)
    return str(address)


def in_cidr(address: str, network: str) -> bool:
    """Whether the address is in the network; raises ValueError for what is neither. Never true across families."""
    return ipaddress.ip_address(address_text(address)) in ipaddress.ip_network(network)


def _size(value: object, depth: int) -> int:
    if depth > _DEPTH_MAX:
        return VALUES_MAX + 1
    if isinstance(value, str):
        return 1 if len(value) <= TEXT_CHARS_MAX else VALUES_MAX + 1
    if isinstance(value, Mapping):
        return 1 + sum(_size(k, depth + 1) + _size(v, depth + 1) for k, v in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(_size(item, depth + 1) for item in value)
    return 1


def _convert(kind: ParameterType, value: object) -> Any:
    if kind.name == "list":
        return [_item(kind, item) for item in _of(value, list, tuple)]
    if kind.name == "map":
        return {_of(key, str): _item(kind, item) for key, item in _of(value, dict).items()}
    return _SCALARS[kind.name](value)


def _item(kind: ParameterType, value: object) -> Any:
    return _convert(kind.item or ParameterType("any"), value)


def _of(value: object, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise ValueError(type(value).__name__)  # noqa: TRY004 - one family for all that is refused
    return value


def _int(value: object) -> int:
    number = value
    if isinstance(value, float) and value.is_integer():
        number = int(value)
    # The lowest int64 is left out: its negation does not exist.
    if type(number) is not int or not -_INT64 < number < _INT64:
        raise ValueError("int")
    return number


def _uint(value: object) -> int:
    number = _int(value)
    if number < 0:
        raise ValueError("uint")
    return number


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("double")  # noqa: TRY004 - one family for all that is refused
    return float(value)


def _timestamp(value: object) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        if _YEAR_MIN <= moment.year <= _YEAR_MAX:
            return moment
    raise ValueError("timestamp")


def _duration(value: object) -> timedelta:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("duration")
    seconds = sum(float(n) * _UNIT_S[unit] for n, unit in _DURATION_PART.findall(value))
    if seconds > _DURATION_S_MAX:
        raise ValueError("duration")
    return timedelta(seconds=-seconds if value.startswith("-") else seconds)


def _any(value: object) -> Any:
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return _int(value)
    if isinstance(value, Mapping):
        return {_of(key, str): _any(item) for key, item in value.items()}
    return [_any(item) for item in _of(value, list, tuple)]


_SCALARS: Final[dict[str, Callable[[object], Any]]] = {
    "any": _any,
    "bool": lambda value: _of(value, bool),
    "double": _double,
    "duration": _duration,
    "int": _int,
    "ipaddress": lambda value: address_text(_of(value, str)),
    "string": lambda value: _of(value, str),
    "timestamp": _timestamp,
    "uint": _uint,
}
SCALAR_NAMES: Final = frozenset(_SCALARS)
_SAMPLES: Final[dict[str, Any]] = {
    "any": "sample",
    "bool": True,
    "double": 1.5,
    "duration": timedelta(seconds=1),
    "int": 1,
    "ipaddress": "192.0.2.1",
    "string": "sample",
    "timestamp": datetime(2000, 1, 1, tzinfo=UTC),
    "uint": 1,
}
