"""Which words make a tag an opinion, read from YAML."""

from __future__ import annotations

from importlib import resources

import jsonschema
import yaml

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "opinion_words"],
    "properties": {
        "version": {"type": "integer", "minimum": 1},
        "opinion_words": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 1},
        },
    },
}


def load_opinion_words() -> frozenset[str]:
    """The packaged words; raises `jsonschema.ValidationError` when the document breaks its schema."""
    text = resources.files("identity.policies").joinpath("tags.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    jsonschema.validate(content, SCHEMA)
    return frozenset(content["opinion_words"])
