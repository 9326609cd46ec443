"""A rule file with a fault is refused with its line, its path and the reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from assignment.domain.leads import Precision, RepId
from assignment.domain.rules import Cover
from assignment.policies import InvalidPolicy, load_rules, load_sla

if TYPE_CHECKING:
    from pathlib import Path

RULES = """version: 7
source_weights: {sem: 1.5, other: 0.5}
rules:
  - id: shenzhen
    when: {cities: [深圳], precisions: [city]}
    candidates: {cover: region, industries: any}
    reps: [ana, bo]
  - id: rest
    candidates: {cover: province, industries: match}
    reps: all
"""


def written(folder: Path, text: str, name: str = "routing.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_packaged_rules_and_sla_are_valid() -> None:
    rules, sla = load_rules(), load_sla()

    assert rules.rules[-1].when is None
    assert [rules.weight_of(kind) for kind in ("sem", "official_account", "organic")] == [
        1.5,
        1.0,
        0.7,
    ]
    assert (sla.contact_within, sla.max_hops) == (timedelta(minutes=15), 2)


def test_a_rule_file_says_everything_a_rule_has(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, RULES))

    shenzhen, rest = rules.rules
    assert rules.version == 7
    assert shenzhen.when is not None
    assert (shenzhen.when.cities, shenzhen.when.precisions) == ({"深圳"}, {Precision.CITY})
    assert (shenzhen.cover, shenzhen.same_industry) == (Cover.REGION, False)
    assert shenzhen.rep_ids == {RepId("ana"), RepId("bo")}
    assert (rest.when, rest.rep_ids, rest.same_industry) == (None, None, True)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("cover: region", "cover: regoin", r"routing.yaml:6: rules\[0\].candidates.cover: 'regoin' is not one of"),
        ("    reps: [ana, bo]", "    repps: [ana, bo]", r"routing.yaml:4: rules\[0\]: .*repps"),
        ("version: 7", "version: seven", r"routing.yaml:1: version: 'seven' is not of type 'integer'"),
        ("sem: 1.5", "sem: -1", r"routing.yaml:2: source_weights.sem: -1 is less than"),
        ("id: rest", "id: shenzhen", r"routing.yaml:8: rules\[1\].id: rule shenzhen stands here twice"),
        ("id: rest\n", "id: rest\n    when: {min_weight: 1}\n", r"routing.yaml:8: rules\[1\]: the last rule"),
        ("    when: {cities: [深圳], precisions: [city]}\n", "", r"routing.yaml:4: rules\[0\]: .* fits every lead"),
        ("version: 7\n", "version: 7\nversion: 8\n", r"routing.yaml:1: version: stands here twice"),
        ("rules:\n", "rules: [\n", r"routing.yaml:\d+: "),
    ],
)  # fmt: skip
def test_a_fault_in_a_rule_file_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in RULES
    file = written(tmp_path, RULES.replace(old, new, 1))

    with pytest.raises(InvalidPolicy, match=reason):
        load_rules(file)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match=r"routing.yaml:1: the file is empty"):
        load_rules(written(tmp_path, ""))
    with pytest.raises(InvalidPolicy, match=r"nowhere.yaml:1: unreadable"):
        load_rules(tmp_path / "nowhere.yaml")


def test_an_sla_counts_in_seconds_and_parts_of_them(tmp_path: Path) -> None:
    sla = load_sla(written(tmp_path, "contact_within_s: 2.5\nmax_hops: 0\n", "sla.yaml"))

    assert (sla.contact_within, sla.max_hops) == (timedelta(seconds=2.5), 0)
    with pytest.raises(InvalidPolicy, match=r"sla.yaml:1: contact_within_s: 0 is less than"):
        load_sla(written(tmp_path, "contact_within_s: 0\nmax_hops: 1\n", "sla.yaml"))
