"""The samples that ship with channels and templates: deliveries as they come, opened, and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be found of one item: its state, and of what was read at least these values.

    `flags` are all of them where they are given.
    """

    state: str
    reason: str = ""
    detail: str = ""
    external_id: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One opened delivery. `fetched` is what the channel's interface says of its item, where bodies are fetched.

    `provenance` says whether it is a vendor's own or made up; `is_pulled` that a reconciler fetched it.
    """

    name: str
    provenance: str
    raw: bytes
    expected: tuple[Expected, ...]
    fetched: Any = None
    is_pulled: bool = False


@cache
def load_samples() -> Mapping[str, tuple[Sample, ...]]:
    """Every sample by the channel or template that it belongs to; read once in a process."""
    folder = resources.files("lead_intake.channels").joinpath("samples")
    files = sorted(folder.iterdir(), key=lambda each: each.name)
    samples = {
        file.name.removesuffix(".yaml"): tuple(map(_sample, _read(file.read_text("utf-8"))))
        for file in files
        if file.name.endswith(".yaml")
    }
    return MappingProxyType(samples)


def _read(text: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found


def _sample(document: Mapping[str, Any]) -> Sample:
    return Sample(
        name=document["name"],
        provenance=document["provenance"],
        raw=_raw(document),
        expected=tuple(_expected(each) for each in document["expect"]),
        fetched=document.get("fetched"),
        is_pulled=document.get("pulled", False),
    )


def _raw(document: Mapping[str, Any]) -> bytes:
    if "form" in document:
        return urlencode(document["form"]).encode()
    if "xml" in document:
        return str(document["xml"]).encode()
    if "email" in document:
        message = str(document["email"]).replace("\n", "\r\n")
        return message.encode(document.get("charset", "utf-8"))
    return msgspec.json.encode(document["body"])


def _expected(document: Mapping[str, Any]) -> Expected:
    flags = document.get("flags")
    return Expected(
        state=document["state"],
        reason=document.get("reason", ""),
        detail=document.get("detail", ""),
        external_id=document.get("external_id"),
        values={name: str(value) for name, value in document.get("values", {}).items()},
        flags=None if flags is None else tuple(flags),
    )
