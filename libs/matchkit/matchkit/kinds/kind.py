"""What a kind of field is: how a raw value is read, compared and cut into blocking parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Value = Any
"""What `normalise` returns: str, int or (nested) tuples of them, so that it can be sealed and stored."""

Normalise = Callable[[str], Value | None]
Compare = Callable[[Value, Value], int]
Term = Callable[[Value], str | None]
Part = Callable[[Value], Iterable[str]]
Told = Callable[[Value, Value, Iterable[str], Iterable[str]], int]

UNSAID = -1
"""The level where a side says nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of field; every function is pure and `compare` is symmetric.

    `levels` begin with the strongest agreement and end with "differs"; `compare` gives an index
    into them. `term` is the value whose frequency adjusts the first level; `parts` are what keys
    are made of.

    At a level of `partial` (`UNSAID` where a side has no value) accounts of the records may tell the
    rest: `told` takes both values and each side's accounts, and gives the level that they agree at.
    """

    name: str
    levels: tuple[str, ...]
    normalise: Normalise
    compare: Compare
    term: Term
    parts: Mapping[str, Part]
    partial: frozenset[int] = frozenset()
    told: Told | None = None


def whole(value: str) -> tuple[str, ...]:
    """The part every kind of plain string has: the value itself."""
    return (value,)


def itself(value: str) -> str:
    """The term of a kind of plain string: the value itself."""
    return value
