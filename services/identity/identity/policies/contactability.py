"""Whom to leave alone, and what to tell across walls: the rules that people write, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from identity.domain.contactability import ContactPolicy, Purpose, Refusal
from identity.domain.duplicates import WallPolicy

if TYPE_CHECKING:
    from pathlib import Path

_COUNT = {"type": "integer", "minimum": 1, "maximum": 3650}
_REFUSALS = {
    "type": "array",
    "uniqueItems": True,
    "items": {"enum": [refusal.value for refusal in Refusal]},
}
_PURPOSES = [purpose.name.lower() for purpose in Purpose if purpose]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "version", "renewed_within_days", "contacts", "same_contact_within_s", "complaint_types", "purposes", "walls",
    ],
    "properties": {
        "version": {"type": "integer", "minimum": 1},
        "renewed_within_days": _COUNT,
        "contacts": {
            "type": "object",
            "additionalProperties": False,
            "required": ["max", "window_days"],
            "properties": {"max": _COUNT, "window_days": _COUNT},
        },
        "same_contact_within_s": {"type": "integer", "minimum": 0, "maximum": 86400},
        "complaint_types": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 1},
        },
        "purposes": {
            "type": "object",
            "additionalProperties": False,
            "required": _PURPOSES,
            "properties": dict.fromkeys(_PURPOSES, _REFUSALS),
        },
        "walls": {
            "type": "object",
            "additionalProperties": False,
            "required": ["shows", "checks_per_minute", "request_within_minutes"],
            "properties": {
                "shows": {"type": "array", "uniqueItems": True, "items": {"enum": ["team", "owner"]}},
                "checks_per_minute": _COUNT,
                "request_within_minutes": _COUNT,
            },
        },
    },
}  # fmt: skip


def load_contact_policy(file: Path | None = None) -> tuple[ContactPolicy, WallPolicy]:
    """The rules in `file`, or the packaged ones; raises `jsonschema.ValidationError` when they break the schema."""
    packaged = resources.files("identity.policies").joinpath("contactability.yaml")
    content = yaml.safe_load((file or packaged).read_text("utf-8"))
    jsonschema.validate(content, SCHEMA)
    return _contacts(content), _walls(content["walls"])


def _contacts(content: dict[str, Any]) -> ContactPolicy:
    return ContactPolicy(
        version=content["version"],
        renewed_within=timedelta(days=content["renewed_within_days"]),
        contacts_max=content["contacts"]["max"],
        window=timedelta(days=content["contacts"]["window_days"]),
        same_contact_within=timedelta(seconds=content["same_contact_within_s"]),
        complaint_types=frozenset(word.lower() for word in content["complaint_types"]),
        heeded={
            Purpose[name.upper()]: frozenset(map(Refusal, refusals))
            for name, refusals in content["purposes"].items()
        },
    )


def _walls(content: dict[str, Any]) -> WallPolicy:
    return WallPolicy(
        shows_team="team" in content["shows"],
        shows_owner="owner" in content["shows"],
        checks_per_minute=content["checks_per_minute"],
        request_within=timedelta(minutes=content["request_within_minutes"]),
    )
