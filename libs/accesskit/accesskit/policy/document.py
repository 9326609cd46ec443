"""Reads a policy document: YAML that means one thing, checked against the schema before anyone looks at it.

YAML's surprises are refused or switched off: a key given twice, anchors (a document can be made to explode with
them), and the words `on`, `yes` and `no`, which stay words.
"""

import json
from collections.abc import Hashable
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import yaml
from servicekit.errors import Invalid
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node

DOCUMENT_CHARS_MAX = 400_000
NESTING_MAX = 20


class PolicyInvalid(Invalid):
    """The document is no policy; `path` says where, such as `rules[3].actions`, or `line 7` for YAML itself."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"policy: {path}: {problem}")
        self.path = path
        self.problem = problem


def read_document(text: str) -> dict[str, Any]:
    """The document as plain data that fits the schema; raises `PolicyInvalid`."""
    if len(text) > DOCUMENT_CHARS_MAX:
        raise PolicyInvalid("document", f"longer than {DOCUMENT_CHARS_MAX} characters")
    document = _load(text)
    error = jsonschema.exceptions.best_match(_validator().iter_errors(document))
    if error is not None:
        raise PolicyInvalid(_written(error.absolute_path), error.message[:200])
    if not isinstance(document, dict):
        raise PolicyInvalid("document", "not a mapping")
    return document


class _StrictLoader(Composer, yaml.CSafeLoader):
    """Safe YAML without anchors, duplicate keys, deep nesting, or words that turn into booleans and dates.

    libyaml scans and parses; only composing, where these things are refused, is done here.
    """

    depth = 0

    def __init__(self, text: str) -> None:
        Composer.__init__(self)
        yaml.CSafeLoader.__init__(self, text)

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """One node; refuses aliases and what is nested too deeply."""
        if self.check_event(yaml.AliasEvent):
            raise PolicyInvalid(_place(self), "anchors are not allowed")
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise PolicyInvalid(_place(self), "nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """One mapping; refuses a key given twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise PolicyInvalid(_line(key.start_mark), f"{key.value!r} is given twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_WORDS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_StrictLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in _WORDS or (tag.endswith("bool") and first in "tfTF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load(text: str) -> object:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise PolicyInvalid(_line(mark), str(problem)) from None


def _place(loader: Any) -> str:
    return _line(loader.peek_event().start_mark)


def _line(mark: Any) -> str:
    return "document" if mark is None else f"line {mark.line + 1}"


def _written(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "document"


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(files("accesskit.policy").joinpath("schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)
