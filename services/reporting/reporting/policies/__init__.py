"""The contracts of figures, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from reporting.domain.metrics import APPLIED, Contracts, Definition, Metric, Targets, Words

if TYPE_CHECKING:
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "reporting.policies"


def load_contracts(file: Path | None = None) -> Contracts:
    """The contracts in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`.

    One that leaves out a filter which is applied, or names one which is not, is refused.
    """
    document = load_document(PACKAGE, "metrics", file)
    content = document.content
    for metric in Metric:
        _check_filters(document, metric)
    return Contracts(
        definitions={metric: _definition(metric, content["metrics"][metric]) for metric in Metric},
        targets=_targets(content["targets"]),
    )


def _check_filters(document: Document, metric: Metric) -> None:
    named = [each["name"] for each in document.content["metrics"][metric]["filters"]]
    path = ["metrics", metric.value, "filters"]
    for place, name in enumerate(named):
        if name not in APPLIED[metric]:
            raise document.fault([*path, place, "name"], f"no filter {name!r} is applied")
        if name in named[:place]:
            raise document.fault([*path, place, "name"], f"{name!r} is named twice")
    hidden = sorted(APPLIED[metric] - set(named))
    if hidden:
        raise document.fault(path, f"applied, and not named: {', '.join(hidden)}")


def _definition(metric: Metric, told: dict[str, Any]) -> Definition:
    return Definition(
        metric=metric,
        version=told["version"],
        name=Words(**told["name"]),
        text=Words(**told["text"]),
        filters=tuple((each["name"], Words(**each["text"])) for each in told["filters"]),
        sources=tuple(told["sources"]),
    )


def _targets(told: dict[str, Any]) -> Targets:
    return Targets(
        window=timedelta(days=told["window_days"]),
        follow_up_24h_min=told["follow_up_24h_min"],
        response_faster_min=told["response_faster_min"],
    )
