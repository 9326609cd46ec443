"""A rule file with a fault is refused with its line, its path and the reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from assignment.domain.leads import Precision, RepId
from assignment.domain.rules import Cover, TieBreaker
from assignment.policies import InvalidPolicy, checked_rules, load_rules, load_sla
from assignment.policies.rule_faults import places
from lead_intake.normalising.divisions import load_divisions
from lead_intake.reading import load_lexicons

if TYPE_CHECKING:
    from pathlib import Path

RULES = """source_weights: {sem: 1.5, other: 0.5}
attributes: {tier: "", past_spend: 0, trial: false}
score: {expression: 'tier == "三甲" ? 40.0 : 10.0', above: 75, tag: 重点客户}
declines_per_day: 3
pools:
  - {id: south, reps: {ana: 2, bo: 1}, otherwise: hq}
  - {id: hq, reps: all, ties: [fewest_open]}
fallback: {pool: south, owner: chef}
rules:
  - id: shenzhen
    when: {cities: [深圳], precisions: [city], products: [DH-900], budget: {min: 100000}}
    candidates: {cover: region, industries: any, skills: [英语], seen_within_s: 600}
    reps: [ana, bo]
    ties: [longest_idle, fewest_open]
    otherwise: fallback
  - id: big
    when:
      attributes: {tier: [三甲], past_spend: {min: 1}, trial: true}
      score: {min: 20}
      where: budget > 5.0 && province == "广东"
    candidates: {cover: any, industries: match}
    reps: {ana: 3, bo: 1}
    otherwise: hq
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

    assert (rules.version, rules.rules[-1].when) == (1, None)
    assert [rules.weight_of(kind) for kind in ("sem", "official_account", "organic")] == [
        1.5,
        1.0,
        0.7,
    ]
    assert (sla.contact_within, sla.max_hops) == (timedelta(minutes=15), 2)


def test_the_places_and_industries_that_rules_may_name_are_those_of_leads() -> None:
    divisions, _, _ = load_divisions()
    regions = {division.region for division in divisions.values() if division.region.province}
    industries = load_lexicons().industries

    assert set(places().cities_of) == {region.province for region in regions}
    assert {(name, city) for name, cities in places().cities_of.items() for city in cities} == {
        (region.province, region.city) for region in regions if region.city
    }
    assert places().industries == {*industries.tags, industries.other}


def test_a_rule_file_says_everything_a_rule_has(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, RULES))

    shenzhen, big, rest = rules.rules
    assert shenzhen.when is not None
    assert (shenzhen.when.cities, shenzhen.when.precisions) == ({"深圳"}, {Precision.CITY})
    assert (shenzhen.when.products, shenzhen.when.budget) == ({"DH-900"}, (100_000, float("inf")))
    assert (shenzhen.cover, shenzhen.same_industry) == (Cover.REGION, False)
    assert (shenzhen.skills, shenzhen.seen_within_s) == ({"英语"}, 600)
    assert shenzhen.rep_ids == {RepId("ana"), RepId("bo")}
    assert shenzhen.ties == (TieBreaker.LONGEST_IDLE, TieBreaker.FEWEST_OPEN)
    assert (big.shares, big.otherwise) == ((("ana", 3), ("bo", 1)), "hq")
    assert (rest.when, rest.rep_ids, rest.same_industry, rest.otherwise) == (
        None,
        None,
        True,
        "wait",
    )
    assert [rule.rule_id for rule in rules.chain_of(shenzhen)] == [
        "shenzhen",
        "south",
        "hq",
        "owner",
    ]
    assert rules.declines_per_day == 3
    assert rules.scoring is not None
    assert (rules.scoring.threshold, rules.scoring.tag) == (75.0, "重点客户")
    assert rules.reads == {"tier", "budget", "province"}


WHERE = 'where: budget > 5.0 && province == "广东"'
LOOPS = 'where: "[1].map(a, [1].map(b, [1].map(c, province)))"'


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("cover: region", "cover: regoin", r"12: rules\[0\].candidates.cover: 'regoin' is not one of"),
        ("    reps: [ana, bo]", "    repps: [ana, bo]", r"10: rules\[0\]: .*repps"),
        ("past_spend: 0", "past_spend: []", r"2: attributes.past_spend: \[\] is not"),
        ("sem: 1.5", "sem: -1", r"1: source_weights.sem: -1 is less than"),
        ("id: rest", "id: shenzhen", r"24: rules\[2\].id: rule shenzhen stands here twice"),
        ("id: rest", "id: owner", r"24: rules\[2\].id: owner is a word of its own"),
        ("id: rest", "id: rest\n    when: {min_weight: 1}", r"24: rules\[2\]: the last rule"),
        ("{cities: [深圳]", "{cities: [深川]", r"11: rules\[0\].when.cities\[0\]: there is no city"),
        ("when: {cities", "when: {provinces: [浙江], cities", r"11: rules\[0\].when.cities: never holds: none of"),
        ("precisions: [city]", "precisions: [province]", r"11: rules\[0\].when.precisions: .* has no city"),
        ("precisions: [city]", "min_weight: 1.6", r"11: rules\[0\].when.min_weight: .* the heaviest 1.5"),
        ("precisions: [city]", "industries: [教育]", r"11: rules\[0\].when.industries\[0\]: there is no industry"),
        ("precisions: [city]", "source_kinds: [seo]", r"11: .*: there is no source kind seo"),
        ("{min: 100000}", "{min: 9, max: 1}", r"11: rules\[0\].when.budget: never holds: 9 is above 1"),
        ("{tier: [三甲]", "{teir: [三甲]", r"18: .*attributes.teir: attributes declares no teir"),
        ("{tier: [三甲]", "{tier: {min: 1}", r"18: .*attributes.tier: tier is a text: write a list"),
        ('tier: "",', 'tier: "", city: "",', r"2: attributes.city: every lead has a city of its own"),
        ("budget > 5.0 &&", "bugdet > 5.0 &&", r"20: .*: uses what is not known: bugdet"),
        ("budget > 5.0 &&", "budget > &&", r"20: rules\[1\].when.where: is not CEL at its line 1, col"),
        ("budget > 5.0 &&", "budget + 1 > 5.0 &&", r"20: .*: mixes types; .* write 1.0"),
        (WHERE, "where: budget", r"20: .*: gives float, not true or false"),
        (WHERE, "where: 'true'", r"20: .*: does not look at the lead"),
        (WHERE, LOOPS, r"20: .*: may cost too much"),
        ("? 40.0 : 10.0", '? "x" : "y"', r"3: score.expression: gives str, not a number"),
        ("otherwise: hq}", "otherwise: north}", r"6: pools\[0\].otherwise: there is no pool north"),
        ("ties: [fewest_open]}", "otherwise: south}", r"6: .*a circle: south > hq > south"),
        ("ties: [fewest_open]}", "otherwise: fallback}", r"6: .*a circle: south > hq > south"),
        ("pool: south", "pool: north", r"8: fallback.pool: there is no pool north"),
        ("fallback: {pool: south, owner: chef}\n", "", r"1: 'fallback' is a required property"),
        ("source_weights: {", "source_weights: &a {", r""),
        ("reps: {ana: 2, bo: 1}", "reps: *a", r"6: found undefined alias"),
        ("declines_per_day: 3\n", "declines_per_day: 3\n" * 2, r"4: .* stands here twice"),
        ("rules:\n", "rules: [\n", r"\d+: "),
    ],
)  # fmt: skip
def test_a_fault_in_a_rule_file_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in RULES
    file = written(tmp_path, RULES.replace(old, new, 1))

    if not reason:
        load_rules(file)
        return
    with pytest.raises(InvalidPolicy, match=f"routing.yaml:{reason}"):
        load_rules(file)


SHADOWED = """source_weights: {{sem: 1.5}}
attributes: {{tier: "", past_spend: 0}}
score: {{expression: past_spend, above: 1, tag: x}}
pools: [{{id: hq, reps: all}}]
fallback: {{pool: hq, owner: chef}}
rules:
  - id: wide
    when: {wide}
    candidates: {{cover: any, industries: any}}
    reps: all
  - id: narrow
    when: {narrow}
    candidates: {{cover: any, industries: any}}
    reps: all
  - id: rest
    candidates: {{cover: any, industries: any}}
    reps: all
"""


@pytest.mark.parametrize(
    ("wide", "narrow", "is_shadowed"),
    [
        ("{cities: [深圳, 广州]}", "{cities: [深圳]}", True),
        ("{cities: [深圳]}", "{cities: [深圳], products: [a]}", True),
        ("{cities: [深圳], products: [a]}", "{cities: [深圳]}", False),
        ("{min_weight: 1.0}", "{min_weight: 1.5}", True),
        ("{min_weight: 1.5}", "{min_weight: 1.0}", False),
        ("{budget: {min: 1}}", "{budget: {min: 2, max: 3}}", True),
        ("{budget: {max: 1}}", "{budget: {min: 2}}", False),
        ("{attributes: {tier: [a, b]}}", "{attributes: {tier: [a]}, cities: [深圳]}", True),
        ("{attributes: {past_spend: {min: 1}}}", "{attributes: {past_spend: {min: 5}}}", True),
        ("{attributes: {tier: [a]}}", "{attributes: {tier: [a, b]}}", False),
        ("{where: budget > 5.0}", "{where: budget > 5.0, score: {min: 1}}", True),
        ("{where: budget > 5.0}", "{budget: {min: 6}}", False),
    ],
)
def test_a_rule_that_an_earlier_one_leaves_nothing_is_refused(
    wide: str, narrow: str, *, is_shadowed: bool
) -> None:
    text = SHADOWED.format(wide=wide, narrow=narrow)

    rules, faults = checked_rules(text, version=2)

    reasons = [f"{fault.line} {fault.path} {fault.reason}" for fault in faults]
    assert (rules is None) is is_shadowed
    assert reasons == (
        ["11 rules[1] rule narrow is never reached: rule wide takes all of its leads"]
        if is_shadowed
        else []
    )


def test_a_rule_that_several_earlier_ones_leave_nothing_is_refused() -> None:
    text = SHADOWED.format(wide="{cities: [深圳], min_weight: 1}", narrow="{cities: [广州]}")
    both = text.replace(
        "  - id: rest",
        "  - {id: both, when: {cities: [深圳, 广州], min_weight: 1.5},\n"
        "     candidates: {cover: any, industries: any}, reps: all}\n  - id: rest",
    )

    _, faults = checked_rules(both, version=2)
    left, _ = checked_rules(both.replace("min_weight: 1.5", "min_weight: 0.5"), version=2)

    assert [fault.reason for fault in faults] == [
        "rule both is never reached: rules wide, narrow take all of its leads"
    ]
    assert left is not None


def test_reps_whom_nobody_has_described_are_named_each_with_its_line() -> None:
    _, faults = checked_rules(RULES, version=2, rep_ids={"bo"})

    assert [(fault.line, fault.path, fault.reason) for fault in faults] == [
        (6, "pools[0].reps.ana", "there is no rep ana"),
        (8, "fallback.owner", "there is no rep chef"),
        (13, "rules[0].reps[0]", "there is no rep ana"),
        (22, "rules[1].reps.ana", "there is no rep ana"),
    ]


def test_several_faults_are_told_at_once_by_line() -> None:
    text = RULES.replace("cover: province", "cover: nowhere").replace("sem: 1.5", "sem: no")

    _, faults = checked_rules(text, version=2)

    assert [fault.line for fault in faults] == [1, 25]


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
