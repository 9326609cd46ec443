"""How long what is kept, read from YAML into the domain's terms."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources
from types import MappingProxyType

import jsonschema
import yaml

from lead_intake.domain.retention import DataClass, RetentionPolicy

FOLDER = "lead_intake.policies"


class InvalidRetentionPolicy(ValueError):  # noqa: N818 - errors are named by what is wrong
    """The policy breaks its schema; the text says where."""


def load_retention_policy(text: str | None = None) -> RetentionPolicy:
    """The policy in `text`, or the packaged one; raises `InvalidRetentionPolicy`."""
    packaged = resources.files(FOLDER)
    content = yaml.safe_load(text or packaged.joinpath("retention.yaml").read_text("utf-8"))
    schema = json.loads(packaged.joinpath("retention.schema.json").read_text("utf-8"))
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(content)
    )
    if error is not None:
        raise InvalidRetentionPolicy(f"{error.json_path}: {error.message}")
    kept = {DataClass(name): timedelta(days=days) for name, days in content["kept_days"].items()}
    return RetentionPolicy(content["version"], content["batch_size"], MappingProxyType(kept))
