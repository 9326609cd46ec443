"""Import templates: which columns a kind of file has and what they say. Data, checked against a schema."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import yaml

from lead_intake.channels.reading_rules import NAMES
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.domain.facts import FactKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES: Final = ("generic_leads.yaml", "generic_customers.yaml", "xiaohongshu_leads.yaml")
USUAL: Final = "generic_leads"
ANSWERS: Final = "answers."
HEADER_CHARS_MAX = 80

_KEY_PARTS = frozenset(
    {"external_id", "phone", "email", "wechat", "uscc", "company", "name", "masked_phone"}
)
_LEFT_OUT = re.compile(r"[\s_\-*:]+")
_REMARK = re.compile(r"(?<=.)[(\[][^()\[\]]*[)\]]$")


class InvalidTemplate(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A template breaks the schema or says what a lead cannot say; the text says where."""


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of file. `names` gives what a header says, by `tidied` header; `via` how cells of it are read.

    `key` holds alternatives: the first of which every part is filled makes two rows the same lead.
    """

    template: str
    version: int
    title: str
    is_experimental: bool
    key: tuple[tuple[str, ...], ...]
    contact_points: tuple[str, ...]
    names: Mapping[str, str]
    via: Mapping[str, str]
    constants: Mapping[str, str]

    def known_headers(self, header: Sequence[str]) -> int:
        """How many of these headers mean something here."""
        return len({self.names[tidied(each)] for each in header if tidied(each) in self.names})


@cache
def load_templates() -> Mapping[str, Template]:
    """The templates that ship with the service, the usual one first; raises `InvalidTemplate`.

    Read once in a process.
    """
    folder = resources.files("lead_intake.importing.templates")
    read = [compile_template(yaml.safe_load(folder.joinpath(f).read_text("utf-8"))) for f in FILES]
    return MappingProxyType({each.template: each for each in read})


def compile_template(document: Mapping[str, Any]) -> Template:
    """A template from its document; raises `InvalidTemplate`."""
    _check(document)
    columns = document["columns"]
    return Template(
        template=document["template"],
        version=document["version"],
        title=document["title"],
        is_experimental=document.get("experimental", False),
        key=tuple(tuple(parts) for parts in document["key"]),
        contact_points=tuple(document.get("contact_points", ("phone_e164",))),
        names={tidied(each): name for name, rule in columns.items() for each in rule["headers"]},
        via={name: rule["via"] for name, rule in columns.items()},
        constants=dict(document.get("constants", {})),
    )


def best_template(templates: Mapping[str, Template], header: Sequence[str]) -> Template:
    """The template that knows most of a file's headers; the usual one wins a tie."""
    return max(templates.values(), key=lambda each: each.known_headers(header))


def tidied(header: str) -> str:
    """A header without what people vary: width, case, spaces, underscores, stars, a remark in brackets."""
    text = unicodedata.normalize("NFKC", header[:HEADER_CHARS_MAX]).strip().lower()
    return _REMARK.sub("", _LEFT_OUT.sub("", text))


def _check(document: Mapping[str, Any]) -> None:
    file = resources.files("lead_intake.importing.templates").joinpath("template.schema.json")
    validator = jsonschema.Draft202012Validator(json.loads(file.read_text("utf-8")))
    for error in validator.iter_errors(document):
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InvalidTemplate(f"{place}: {error.message}")
    sayable = NAMES[FactKind.LEAD] | {"external_id"}
    for name, rule in document["columns"].items():
        if not name.startswith(ANSWERS) and name not in sayable:
            raise InvalidTemplate(f"columns/{name}: a lead cannot say this")
        if rule["via"] not in TRANSFORMS:
            raise InvalidTemplate(f"columns/{name}: no such transform")
    for part in {part for parts in document["key"] for part in parts}:
        if part not in _KEY_PARTS and part not in document["columns"]:
            raise InvalidTemplate(f"key: {part} is no column")
