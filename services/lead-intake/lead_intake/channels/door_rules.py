"""The part of a channel file that the door follows: how deliveries are proved, bounded, told apart and answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lead_intake.channels import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

AckKind = Literal["fixed", "delivery_id", "dingtalk"]
BodyKind = Literal["json", "form", "xml", "email"]

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Ack:
    """The success answer: `body` is sent as it is, or made for each delivery where `kind` says so."""

    status: int
    kind: AckKind
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the body of a refusal is, whatever its status, for senders that read it."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Dedupe:
    """What tells a repetition from another delivery: a header, or what is at paths of the body, or the whole body."""

    header: bytes = b""
    paths: tuple[paths.Search, ...] = ()


@dataclass(frozen=True, slots=True)
class DoorRules:
    """See the fields of the file's schema; `rps` and `burst` bound each account's own bucket."""

    verify_kind: str
    verify_options: Mapping[str, Any]
    handshake: str | None
    body: BodyKind
    content_types: tuple[str, ...]
    body_bytes_max: int
    rps: float | None
    burst: int
    ack: Ack
    refusal: Refusal | None
    dedupe: Dedupe


def door_rules(document: Mapping[str, Any]) -> DoorRules:
    """The door's part of a checked document; raises `paths.InvalidPath`."""
    verify, limits = document["verify"], document["limits"]
    options = {} if isinstance(verify, str) else dict(verify)
    kind = verify if isinstance(verify, str) else options.pop("kind")
    rps = limits.get("rps")
    return DoorRules(
        verify_kind=kind,
        verify_options=options,
        handshake=document.get("handshake"),
        body=document.get("body", "json"),
        content_types=tuple(document.get("content_types", ())),
        body_bytes_max=limits["max_bytes"],
        rps=rps,
        burst=limits.get("burst", int(rps * 2) if rps else 0),
        ack=_ack(document["ack"]),
        refusal=_refusal(document.get("refusal")),
        dedupe=_dedupe(document["dedupe"]),
    )


def _ack(rule: Mapping[str, Any]) -> Ack:
    kind: AckKind = rule.get("made", "fixed")
    body, content_type = _body(rule)
    return Ack(rule["status"], kind, body, _JSON if kind != "fixed" else content_type)


def _refusal(rule: Mapping[str, Any] | None) -> Refusal | None:
    return None if rule is None else Refusal(*_body(rule))


def _body(rule: Mapping[str, Any]) -> tuple[bytes, str]:
    if "json" in rule:
        return msgspec.json.encode(rule["json"]), _JSON
    if "text" in rule:
        return rule["text"].encode(), _TEXT
    return b"", ""


def _dedupe(rule: str | Mapping[str, Any]) -> Dedupe:
    if rule == "body":
        return Dedupe()
    assert not isinstance(rule, str)
    if "header" in rule:
        return Dedupe(header=rule["header"].encode())
    return Dedupe(paths=tuple(paths.compiled(path) for path in rule["paths"]))
