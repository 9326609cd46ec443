"""Channel files: what a channel sends, how it is proved and answered, and how it is read; loaded and compiled.

A file is data: paths are JMESPath, everything else is one of closed sets of names. A template is a file that changes
parts of a channel for one kind of form; an account's own mapping does the same for one account.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from lead_intake.channels import paths
from lead_intake.channels.door_rules import Ack, Dedupe, DoorRules, door_rules
from lead_intake.channels.reading_rules import (
    InvalidMapping,
    ReadingRules,
    reading_rules,
)
from lead_intake.domain.facts import FactKind
from lead_intake.domain.leads import Trust
from lead_intake.verifiers import VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

__all__ = [
    "Ack", "ChannelFile", "Dedupe", "InvalidChannelFile", "compile_channel", "load_channels", "load_templates",
    "overridden",
]  # fmt: skip

SHIPPED_VERSION_MAX = 999
"""Versions of shipped files end here; an account's own mappings count from the next on."""

OVERRIDABLE = frozenset(
    {"expect", "ignore", "fan_out", "only", "external_id", "enrich", "prepare", "require", "reject",
     "require_any", "map", "double_click_s", "ack", "limits", "body"}
)  # fmt: skip
"""What a template or an account's own mapping may change: never the proof of origin."""


class InvalidChannelFile(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A channel file breaks the schema or names a path that does not parse; the text says where."""


@dataclass(frozen=True, slots=True)
class ChannelFile:
    """One channel, compiled: the rules of the door and those of reading.

    `pull` reads what a reconciler fetched, where that looks different from what is pushed. `document` is the source,
    for templates and accounts that change parts of it.
    """

    channel: str
    version: int
    title: str
    is_experimental: bool
    facts: FactKind
    trust: Trust
    door: DoorRules
    reading: ReadingRules
    pull: ReadingRules | None
    document: Mapping[str, Any]

    @property
    def is_lead_channel(self) -> bool:
        """Whether its items are leads, and so are on the ledger."""
        return self.facts is FactKind.LEAD


@cache
def load_channels() -> Mapping[str, ChannelFile]:
    """The installed channels by name, compiled once in a process; raises `InvalidChannelFile`."""
    files = [compile_channel(document) for document in _documents("installed")]
    return MappingProxyType({file.channel: file for file in files})


@cache
def load_templates() -> Mapping[str, ChannelFile]:
    """The installed templates by name, each an installed channel with parts changed; raises `InvalidChannelFile`.

    Compiled once in a process.
    """
    channels = load_channels()
    templates: dict[str, ChannelFile] = {}
    for document in _documents("templates"):
        name, channel = document["template"], channels.get(document["channel"])
        if channel is None:
            raise InvalidChannelFile(f"{name}: its channel is not installed")
        changes = {key: value for key, value in document.items() if key in OVERRIDABLE}
        file = overridden(channel, changes, version=document["version"])
        templates[name] = replace(file, title=document["title"])
    return MappingProxyType(templates)


def compile_channel(document: Mapping[str, Any]) -> ChannelFile:
    """One channel from its document; raises `InvalidChannelFile` naming the place and the reason."""
    _check(document)
    try:
        file = _compiled(document)
    except (paths.InvalidPath, InvalidMapping) as error:
        raise InvalidChannelFile(f"{document['channel']}: {error}") from error
    if file.door.verify_kind not in VERIFIERS:
        raise InvalidChannelFile(f"verify: {file.door.verify_kind} is no kind of proof")
    return file


def overridden(channel: ChannelFile, changes: Mapping[str, Any], *, version: int) -> ChannelFile:
    """The channel with parts of it changed; `map` is changed entry by entry, null takes an entry out.

    Raises `InvalidChannelFile` for a part that may not be changed, or when the result is no channel file.
    """
    document = deepcopy(dict(channel.document))
    for part, change in changes.items():
        if part not in OVERRIDABLE:
            raise InvalidChannelFile(f"{part}: may not be changed for one form or account")
        document[part] = _merged(document.get(part), change)
    document["version"] = version
    return compile_channel({part: value for part, value in document.items() if value is not None})


_WHOLE = frozenset({"path", "value", "status"})
"""A part that has one of these is one rule, and is changed as a whole."""


def _merged(old: Any, change: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(change, dict) or _WHOLE & change.keys():
        return change
    merged = {**old, **{key: _merged(old.get(key), value) for key, value in change.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _compiled(document: Mapping[str, Any]) -> ChannelFile:
    rules = reading_rules(document)
    pull = document.get("pull")
    return ChannelFile(
        channel=document["channel"],
        version=document["version"],
        title=document["title"],
        is_experimental=document.get("status") == "experimental",
        facts=rules.facts,
        trust=Trust(document["trust"]),
        door=door_rules(document),
        reading=rules,
        pull=None if pull is None else reading_rules({**document, **pull}),
        document=document,
    )


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = resources.files("lead_intake.channels").joinpath("channel_file.schema.json")
    return jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8")))


def _check(document: Mapping[str, Any]) -> None:
    for error in _validator().iter_errors(document):
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InvalidChannelFile(f"{place}: {error.message[:300]}")


def _documents(folder: str) -> Iterator[dict[str, Any]]:
    place = resources.files("lead_intake.channels").joinpath(folder)
    found: list[Traversable] = [each for each in place.iterdir() if each.name.endswith(".yaml")]
    for file in sorted(found, key=lambda each: each.name):
        yield yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
