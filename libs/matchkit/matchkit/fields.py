"""One field of a model: where it is read from, how it is compared, what its agreement weighs."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import msgspec

from matchkit.errors import ModelInvalid, Unreadable
from matchkit.kinds import KINDS, Kind, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matchkit.kinds.kind import Normalise

    RawRecord = Mapping[str, str | Sequence[str]]

LENGTH_KEPT = 256
LENGTH_MAX = 4_096
VALUES_MAX = 8


class Weight(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The chances that a pair shows one level: `m` among records of one customer, `u` among others."""

    m: float
    u: float


class Crossing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two fields that people write one in place of the other, such as given name and surname.

    `chance` is how likely that is between two records of one customer.
    """

    fields: tuple[str, str]
    chance: float = 0.01


class Field(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One field.

    `reads` are the raw names it is read from (its own by default); `many` keeps every value, else
    the first readable one counts. `group` names fields of which only the largest positive weight
    counts, or which add up (`Model.shared`). An `identifier` can turn out to be a hub's. Two values
    of an `exclusive` field contradict each other. `told_by` names fields whose accounts may spell
    out what a value of this one leaves unsaid (`Kind.told`).
    """

    name: str
    kind: str
    reads: tuple[str, ...] = ()
    many: bool = False
    uses_frequencies: bool = False
    group: str = ""
    identifier: bool = False
    exclusive: bool = False
    told_by: tuple[str, ...] = ()
    weights: dict[str, Weight] = {}

    def of_kind(self) -> Kind:
        """The kind of this field; raises `ModelInvalid` when there is none of that name."""
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ModelInvalid(f"field {self.name}: there is no kind {self.kind!r}")
        return kind

    @property
    def only_name(self) -> str | None:
        """The one raw name that this field is read from; None when there are several."""
        return (self.reads or (self.name,))[0] if len(self.reads) < 2 else None

    def reader(self) -> Callable[[RawRecord], Value | None]:
        """What reads this field's value (a tuple of values if `many`) from a raw record.

        None when nothing is readable.
        """
        normalise, names = self.of_kind().normalise, self.reads or (self.name,)
        return _reader(normalise, names, of_all=self.many)

    def values(self, value: Value | None) -> Iterable[Value]:
        """The single values of what `read` returned."""
        if value is None:
            return ()
        return value if self.many else (value,)


def _reader(
    normalise: Normalise, names: Sequence[str], *, of_all: bool
) -> Callable[[RawRecord], Value | None]:
    """Reads the first usable value that a record gives under these names, or all of them."""

    def read(raw: RawRecord) -> Value | None:
        found = []
        for name in names:
            given = raw.get(name)
            if given:
                for text in (given,) if isinstance(given, str) else given[:VALUES_MAX]:
                    is_clean = len(text) <= LENGTH_KEPT and text.isprintable()
                    value = normalise(text if is_clean else clean(name, text))
                    if value is not None:
                        if not of_all:
                            return value
                        found.append(value)
        return tuple(found) or None if len(found) < 2 else _in_order(found)

    return read


def _in_order(values: Sequence[Value]) -> Value:
    return tuple(sorted(dict.fromkeys(values), key=repr)[:VALUES_MAX])


def clean(field: str, text: str) -> str:
    """The text without control and direction characters, cut to 256 characters.

    Raises `Unreadable` beyond 4,096: that is a document in the wrong column.
    """
    if len(text) <= LENGTH_KEPT and text.isprintable():
        return text
    if len(text) > LENGTH_MAX:
        raise Unreadable(field, len(text))
    if not text.isprintable():
        text = "".join(_printable(letter) for letter in text)
    return text[:LENGTH_KEPT]


def _printable(letter: str) -> str:
    category = unicodedata.category(letter)
    if category[0] == "Z" or letter in "\t\n\r":
        return " "
    return "" if category in {"Cc", "Cf", "Cs"} else letter
