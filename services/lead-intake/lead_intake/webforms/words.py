"""What a page says, in Chinese and in English: the words of `templates/words.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

DOC_ID: Final = "LC-FORM-403"
"""The document that a refused post names."""


@cache
def words(language: str) -> dict[str, str]:
    """Everything that a page says, in a language."""
    return _in(language, "words")


def rule_text(rule: str, language: str) -> str:
    """What a page says about a rule that is broken."""
    rules = _rules(language)
    return rules.get(rule, rules["other"])


def language_of(asked: str, accepted: str) -> str:
    """The page's language: what was asked for, or else the first of a browser's that we speak; Chinese otherwise."""
    for tag in (asked, *accepted.split(",")):
        primary = tag.strip().partition(";")[0].partition("-")[0].lower()
        if primary in ("zh", "en"):
            return primary
    return "zh"


@cache
def _rules(language: str) -> dict[str, str]:
    return _in(language, "rules")


def _in(language: str, part: str) -> dict[str, str]:
    number = 1 if language == "en" else 0
    return {name: texts[number] for name, texts in _document()[part].items()}


@cache
def _document() -> Any:
    file = resources.files("lead_intake.webforms").joinpath("templates", "words.yaml")
    return yaml.safe_load(file.read_text("utf-8"))
