"""Channel files: loaded, checked against their schema, and compiled to what the door and the mapper run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from lead_intake.channels import paths
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.domain.leads import RejectReason, Trust
from lead_intake.verifiers.schemes import VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lead_intake.verifiers.schemes import Verifier

FILES = ("website_form.yaml", "facebook_leadgen.yaml")


class InvalidChannelFile(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A channel file breaks the schema or names a path that does not parse; the text says where."""


@dataclass(frozen=True, slots=True)
class Read:
    """Finds one value in a document and transforms it."""

    path: str
    search: paths.Search
    via: Callable[[Any], Any]

    def of(self, document: Any) -> Any:
        """The transformed value."""
        return self.via(self.search(document))


@dataclass(frozen=True, slots=True)
class Equality:
    """A condition: what is at a path equals a text."""

    path: str
    search: paths.Search
    value: str

    def holds(self, document: Any) -> bool:
        """Whether it does."""
        return bool(self.search(document) == self.value)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A part of a document that is brought into another form before it is mapped."""

    name: str
    read: Read


@dataclass(frozen=True, slots=True)
class Required:
    """A path that must hold something."""

    path: str
    search: paths.Search


@dataclass(frozen=True, slots=True)
class RejectRule:
    """A sign by which a lead is refused."""

    reason: RejectReason
    read: Read


@dataclass(frozen=True, slots=True)
class ChannelFile:
    """One channel, compiled. `verifier` makes the proof of one account from its secrets.

    `external_id` is read from an item of the delivery, `mapping` from the same item, or from the body fetched for it
    where the channel is enriched.
    """

    channel: str
    version: int
    trust: Trust
    verifier: Callable[[Sequence[str]], Verifier]
    has_handshake: bool
    dedupes_by_id: bool
    body_bytes_max: int
    ack_status: int
    ack_has_id: bool
    expect: Equality | None
    fan_out: paths.Search
    fan_out_path: str
    only: Equality | None
    external_id: Read | None
    is_enriched: bool
    prepare: Prepared | None
    require: tuple[Required, ...]
    reject: tuple[RejectRule, ...]
    contact_points: tuple[str, ...]
    mapping: tuple[tuple[str, Read], ...]
    constants: Mapping[str, str]


def load_channels() -> dict[str, ChannelFile]:
    """The installed channels by name; raises `InvalidChannelFile`."""
    folder = resources.files("lead_intake.channels")
    documents = [
        yaml.safe_load(folder.joinpath("installed", name).read_text("utf-8")) for name in FILES
    ]
    files = [compile_channel(document) for document in documents]
    return {file.channel: file for file in files}


def compile_channel(document: Mapping[str, Any]) -> ChannelFile:
    """One channel from its document; raises `InvalidChannelFile` naming the place and the reason."""
    _check(document)
    try:
        return _compiled(document)
    except paths.InvalidPath as error:
        raise InvalidChannelFile(f"{document['channel']}: {error}") from error


def _check(document: Mapping[str, Any]) -> None:
    schema = resources.files("lead_intake.channels").joinpath("channel_file.schema.json")
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8")))
    for error in validator.iter_errors(document):
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InvalidChannelFile(f"{place}: {error.message}")


def _compiled(document: Mapping[str, Any]) -> ChannelFile:
    mapping = document["map"]
    return ChannelFile(
        channel=document["channel"],
        version=document["version"],
        trust=Trust(document["trust"]),
        verifier=VERIFIERS[document["verify"]],
        has_handshake="handshake" in document,
        dedupes_by_id=document["dedupe"] == "webhook_id",
        body_bytes_max=document["limits"]["max_bytes"],
        ack_status=document["ack"]["status"],
        ack_has_id=document["ack"]["body"] == "delivery_id",
        expect=_equality(document.get("expect")),
        fan_out=paths.compiled(document["fan_out"]),
        fan_out_path=document["fan_out"],
        only=_equality(document.get("only")),
        external_id=_optional_read(document.get("external_id")),
        is_enriched="enrich" in document,
        prepare=_prepared(document.get("prepare")),
        require=tuple(Required(path, paths.compiled(path)) for path in document.get("require", ())),
        reject=tuple(
            RejectRule(RejectReason(rule["reason"]), _read(rule))
            for rule in document.get("reject", ())
        ),
        contact_points=tuple(document["require_any"]),
        mapping=tuple((name, _read(rule)) for name, rule in mapping.items() if "path" in rule),
        constants={name: rule["value"] for name, rule in mapping.items() if "value" in rule},
    )


def _read(rule: Mapping[str, str]) -> Read:
    return Read(rule["path"], paths.compiled(rule["path"]), TRANSFORMS[rule["via"]])


def _optional_read(rule: Mapping[str, str] | None) -> Read | None:
    return None if rule is None else _read(rule)


def _equality(rule: Mapping[str, str] | None) -> Equality | None:
    return (
        None
        if rule is None
        else Equality(rule["path"], paths.compiled(rule["path"]), rule["value"])
    )


def _prepared(rule: Mapping[str, str] | None) -> Prepared | None:
    return None if rule is None else Prepared(rule["name"], _read(rule))
