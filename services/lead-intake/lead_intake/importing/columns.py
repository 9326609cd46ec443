"""From one file's header and a template to the rules by which its rows are read: decided once for all rows."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from lead_intake.channels.reading_rules import Read, ReadingRules
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.domain.facts import FactKind
from lead_intake.domain.imports import RefusedFile
from lead_intake.importing.templates import ANSWERS, tidied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lead_intake.channels import paths
    from lead_intake.importing.templates import Template

ANSWERS_MAX = 60
ANSWER_CHARS_MAX = 2000
_REACHES = frozenset({"phones", "email", "wechat"})
_REACHES_BY_POINT = {"company": "company"}


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a file say. Rows are read as wide as `width`, `cells` gives a name's column.

    `header` is as written.
    """

    template: Template
    header: tuple[str, ...]
    cells: Mapping[str, int]
    rules: ReadingRules

    @property
    def width(self) -> int:
        """How many columns have a header."""
        return len(self.header)


def columns_of(header: Sequence[str], template: Template) -> Columns:
    """The columns of a file; raises `RefusedFile` where none of them tells how to reach somebody."""
    cells: dict[str, int] = {}
    asked: list[tuple[str, int]] = []
    for place, written in enumerate(header):
        name = template.names.get(tidied(written), "")
        if name and name not in cells:
            cells[name] = place
        elif written.strip():
            asked.append((written.strip()[:100], place))
    asked += [
        (n.removeprefix(ANSWERS), place) for n, place in cells.items() if n.startswith(ANSWERS)
    ]
    reaches = _REACHES | {_REACHES_BY_POINT.get(point, "") for point in template.contact_points}
    if not reaches & set(cells):
        raise RefusedFile("no column of the file holds a phone number, an e-mail or a WeChat id")
    return Columns(template, tuple(header), cells, _rules(template, cells, asked[:ANSWERS_MAX]))


def _rules(
    template: Template, cells: Mapping[str, int], asked: Sequence[tuple[str, int]]
) -> ReadingRules:
    mapping = [
        (name, Read(name, itemgetter(place), TRANSFORMS[template.via[name]]))
        for name, place in cells.items()
        if name != "external_id" and not name.startswith(ANSWERS)
    ]
    if asked:
        mapping.append(("answers", Read("answers", _answers(asked), _itself)))
    return ReadingRules(
        version=template.version,
        body="row",
        facts=FactKind.LEAD,
        expect=None,
        ignore=None,
        fan_out=_itself,
        fan_out_path="@",
        only=None,
        sees_parent=False,
        external_id=None,
        enrich=None,
        prepare=(),
        require=(),
        reject=(),
        contact_points=template.contact_points,
        mapping=tuple(mapping),
        constants=template.constants,
        required=frozenset(),
        double_click_s=0,
    )


def _answers(asked: Sequence[tuple[str, int]]) -> paths.Search:
    def search(row: Sequence[str]) -> dict[str, str]:
        return {question: row[place][:ANSWER_CHARS_MAX] for question, place in asked if row[place]}

    return search


def _itself(value: object) -> object:
    return value
