"""Reads the systems and their field maps from YAML into the domain's terms."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml
from servicekit.errors import Invalid

from identity.domain.field_maps import EntityMap, FieldKind, FieldMap, FieldRule, problems_of
from identity.domain.systems import SystemPolicy, Systems

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "identity.policies"
MAP_CHARS_MAX = 200_000


class InvalidSystemPolicy(Invalid):
    """A document about systems breaks its schema or contradicts itself; the text says where."""


def load_systems() -> Systems:
    """The packaged systems with their packaged maps; raises `InvalidSystemPolicy`."""
    packaged = resources.files(FOLDER)
    text = packaged.joinpath("systems.yaml").read_text("utf-8")
    maps = [
        parse_field_map(each.read_text("utf-8"))
        for each in packaged.joinpath("field_maps").iterdir()
        if each.name.endswith(".yaml")
    ]
    return parse_systems(text, {each.system: each for each in maps})


def parse_systems(text: str, maps: Mapping[str, FieldMap]) -> Systems:
    """The systems in a YAML document; raises `InvalidSystemPolicy`."""
    content = _checked(text, "systems.schema.json")
    policies = {name: _policy(name, stated) for name, stated in content["systems"].items()}
    strangers = sorted(maps.keys() - policies.keys())
    if strangers:
        raise InvalidSystemPolicy(f"a field map of an unknown system: {strangers[0]}")
    return Systems(content["version"], MappingProxyType(policies), MappingProxyType(dict(maps)))


def parse_field_map(text: str) -> FieldMap:
    """One system's field map in a YAML document; raises `InvalidSystemPolicy`."""
    content = _checked(text, "field_map.schema.json")
    entities = {name: _entity(stated) for name, stated in content["entities"].items()}
    field_map = FieldMap(content["system"], content["version"], MappingProxyType(entities))
    problems = problems_of(field_map)
    if problems:
        raise InvalidSystemPolicy("; ".join(problems))
    return field_map


def _checked(text: str, schema_name: str) -> Any:
    if len(text) > MAP_CHARS_MAX:
        raise InvalidSystemPolicy(f"longer than {MAP_CHARS_MAX} characters")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as fault:
        raise InvalidSystemPolicy(f"not YAML: {type(fault).__name__}") from None
    schema = json.loads(resources.files(FOLDER).joinpath(schema_name).read_text("utf-8"))
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(content)
    )
    if error is not None:
        raise InvalidSystemPolicy(f"{error.json_path}: {error.message[:300]}")
    return content


def _policy(name: str, stated: Mapping[str, Any]) -> SystemPolicy:
    return SystemPolicy(
        name=name,
        label_zh=stated["label"]["zh"],
        label_en=stated["label"]["en"],
        key_label=stated["key_label"],
        delay_max=timedelta(seconds=stated["delay_max_s"]),
        expected_every=timedelta(seconds=stated["expected_every_s"]),
        rank=stated["rank"],
        writable=frozenset(stated.get("writable", ())),
    )


def _entity(stated: Mapping[str, Any]) -> EntityMap:
    fields = {name: _rule(rule) for name, rule in stated["fields"].items()}
    return EntityMap(
        MappingProxyType(fields),
        frozenset(stated.get("ignored", ())),
        stated.get("version_field", ""),
        stated.get("actor_field", ""),
    )


def _rule(stated: Mapping[str, Any]) -> FieldRule:
    return FieldRule(
        stated["to"],
        FieldKind(stated.get("as", "text")),
        MappingProxyType(dict(stated.get("table", {}))),
        stated.get("otherwise"),
    )
