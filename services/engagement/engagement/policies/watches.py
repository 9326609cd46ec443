"""What engagement watches for, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.watches import (
    QuoteRule,
    RiskRule,
    ServiceRule,
    SplitRule,
    WatchPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "engagement.policies"


def load_watch_policy(
    file: Path | None = None, *, tasks: Collection[str], responses: Collection[str]
) -> WatchPolicy:
    """The rules in `file`, or the packaged ones, which may name these kinds of tasks and responses of follow-ups.

    Raises `servicekit.documents.InvalidPolicy`.
    """
    document = load_document(PACKAGE, "watches", file)
    content = document.content
    document.check_known(["split_orders", "task"], tasks)
    document.check_known(["service", "compensated", "task"], tasks)
    document.check_known(["company_risk", "task"], tasks)
    document.check_known(["unanswered_quotes", "response"], responses)
    _check_words(document, ["service", "trouble"])
    _check_words(document, ["company_risk", "kinds"])
    return WatchPolicy(
        version=content["version"],
        split=_split(content["split_orders"]),
        quotes=_quotes(content["unanswered_quotes"]),
        service=_service(content["service"]),
        risk=_risk(content["company_risk"]),
        idle_after=timedelta(days=content["idle_rep"]["after_days"]),
    )


def _split(told: dict[str, Any]) -> SplitRule:
    return SplitRule(
        contracts_min=told["contracts"],
        within=timedelta(days=told["within_days"]),
        amount_over_minor=told["amount_over_minor"],
        currency=told["currency"],
        task=told["task"],
    )


def _quotes(told: dict[str, Any]) -> QuoteRule:
    wait = timedelta(hours=told["answer_within_h"])
    return QuoteRule(told["response"], told["in_a_row"], wait)


def _service(told: dict[str, Any]) -> ServiceRule:
    compensated = told["compensated"]
    return ServiceRule(
        trouble=_by_word(told["trouble"]),
        compensated=frozenset(word.casefold() for word in compensated["statuses"]),
        compensated_over_minor=compensated["amount_over_minor"],
        compensated_currency=compensated["currency"],
        compensated_task=compensated["task"],
        shown=told["shown"],
    )


def _risk(told: dict[str, Any]) -> RiskRule:
    return RiskRule(_by_word(told["kinds"]), timedelta(days=told["within_days"]), told["task"])


def _by_word(told: Mapping[str, list[str]]) -> dict[str, str]:
    return {word.casefold(): ours for ours, words in told.items() for word in words}


def _check_words(document: Document, path: list[str | int]) -> None:
    """A word of another system's has one word here."""
    seen: set[str] = set()
    told = document.content[path[0]][path[1]]
    for ours, words in told.items():
        for place, word in enumerate(words):
            if word.casefold() in seen:
                raise document.fault([*path, ours, place], f"{word!r} is taken")
            seen.add(word.casefold())
