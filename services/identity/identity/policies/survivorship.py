"""Reads the rules of survivorship from YAML into the domain's terms."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml
from servicekit.errors import Invalid

from identity.domain.survivorship import Comparison, FieldPolicy, Rule, SurvivorshipPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "identity.policies"
CHARS_MAX = 100_000


class InvalidSurvivorshipPolicy(Invalid):
    """The document is no policy of survivorship; the text says where."""


@cache
def packaged_document() -> str:
    """The YAML of the policy that is in force where none was published."""
    return resources.files(FOLDER).joinpath("survivorship.yaml").read_text("utf-8")


def parse_survivorship(text: str, *, version: int = 0) -> SurvivorshipPolicy:
    """The policy in a YAML document, under `version` if given, else under its own.

    Raises `InvalidSurvivorshipPolicy`.
    """
    content = _checked(text)
    default = FieldPolicy(_rules(content["default"]["rules"]))
    fields = {
        name: _field(stated, default) for name, stated in sorted(content.get("fields", {}).items())
    }
    return SurvivorshipPolicy(
        version or content["version"],
        tuple(content["source_order"]),
        timedelta(seconds=content["clock_ahead_max_s"]),
        default,
        MappingProxyType(fields),
    )


def _checked(text: str) -> Any:
    if len(text) > CHARS_MAX:
        raise InvalidSurvivorshipPolicy(f"longer than {CHARS_MAX} characters")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidSurvivorshipPolicy(f"not YAML: {type(error).__name__}") from None
    fault = jsonschema.exceptions.best_match(_validator().iter_errors(content))
    if fault is not None:
        raise InvalidSurvivorshipPolicy(f"{fault.json_path}: {fault.message[:300]}")
    return content


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = resources.files(FOLDER).joinpath("survivorship.schema.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def _field(stated: Mapping[str, Any], default: FieldPolicy) -> FieldPolicy:
    owners = tuple(stated.get("owners", ()))
    return FieldPolicy(
        _rules(stated["rules"]) if "rules" in stated else default.rules,
        owners=owners,
        may_pin=stated.get("may_pin", not owners),
        comparison=Comparison(stated.get("comparison", Comparison.TEXT)),
        values_max=stated.get("values_max", 1),
        gathers=tuple(stated.get("gathers", ())),
    )


def _rules(stated: list[str]) -> tuple[Rule, ...]:
    return tuple(Rule(each) for each in stated)
