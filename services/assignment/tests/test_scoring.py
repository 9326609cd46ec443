"""What a rule may ask of one lead: its score, budget, product and attributes; and where it falls back to."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from assignment.domain.board import Board
from assignment.domain.budgets import amount_of
from assignment.domain.candidates import RefusalReason, Router
from assignment.domain.gaps import Gap, gaps
from assignment.domain.leads import RepId
from assignment.domain.presence import AWAY_S, Presence
from assignment.domain.refusals import Circumstances, Grounds, refusals, standings
from assignment.domain.reps import Duty, Roster
from assignment.domain.routing import Assigned, Unassignable, route
from assignment.domain.rules import Cover, Rules, TieBreaker
from assignment.policies import load_rules, read_rules
from hypothesis import given, settings
from hypothesis import strategies as st

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)

DOCUMENT = """source_weights: {{sem: 1.5, organic: 0.7}}
attributes: {{tier: "", past_spend: 0, trial: false}}
pools:
  - {{id: hq, reps: [di], otherwise: owner}}
fallback: {{pool: hq, owner: eve}}
rules:
  - id: asked
    when: {when}
    candidates: {{cover: any, industries: any}}
    reps: [ana]
  - id: rest
    candidates: {{cover: region, industries: any}}
    reps: [ana, bo]
    otherwise: {otherwise}
"""


def document(when: str = "{products: [x]}", otherwise: str = "fallback") -> Rules:
    return read_rules(DOCUMENT.format(when=when, otherwise=otherwise), version=3)


def rule_for(rules: Rules, lead: Any) -> str:
    return Router(rules, Roster.of(1, [])).path(lead).steps[0].rule.rule_id


@pytest.mark.parametrize(
    ("tier", "budget", "past_spend", "score"),
    [
        ("三甲", 5_000_000.0, "10000", 40 + 30 + 3),
        ("三甲", 3_000_000.0, "20000", 40 + 30 + 6),
        ("二甲", 200_000.0, "0", 25 + 2),
        ("", None, "", 10),
        ("一甲", 50_000.0, "no number", 10.5),
    ],
)
def test_a_lead_scores_as_the_formula_says(
    build: Any, tier: str, budget: float | None, past_spend: str, score: float
) -> None:
    lead = build.lead(budget=budget, attributes={"tier": tier, "past_spend": past_spend})

    subject = load_rules().subject_of(lead)

    assert subject.score == pytest.approx(score)


@given(
    tier=st.sampled_from(["三甲", "二甲", "其他", ""]),
    budget=st.floats(0, 1e9),
    spend=st.floats(0, 1e9),
)
@settings(max_examples=60, deadline=None)
def test_the_score_is_that_of_the_formula_for_any_numbers(
    build: Any, tier: str, budget: float, spend: float
) -> None:
    lead = build.lead(budget=budget, attributes={"tier": tier, "past_spend": repr(spend)})

    expected = (
        {"三甲": 40, "二甲": 25}.get(tier, 10) + min(budget / 100_000, 30) + spend / 50_000 * 15
    )
    assert load_rules().subject_of(lead).score == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10-30万", 100_000),
        ("20万以内", 200_000),
        ("50万以上", 500_000),
        ("1.5亿", 150_000_000),
        ("500,000 元", 500_000),
        ("3k", 3000),
        ("待定", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_a_budget_is_read_as_people_write_it(text: str, amount: float | None) -> None:
    assert amount_of(text) == amount


@pytest.mark.parametrize(
    ("when", "lead", "holds"),
    [
        ("{products: [DH-900]}", {"product": "DH-900"}, True),
        ("{products: [DH-900]}", {"product": "DH-901"}, False),
        ("{budget: {min: 100000}}", {"budget": 100_000.0}, True),
        ("{budget: {min: 100000}}", {}, False),
        ("{channels: [website_form]}", {}, True),
        ("{attributes: {tier: [三甲, 二甲]}}", {"attributes": {"tier": "二甲"}}, True),
        ("{attributes: {past_spend: {min: 5}}}", {"attributes": {"past_spend": "4.9"}}, False),
        ("{attributes: {trial: true}}", {"attributes": {"trial": "yes"}}, True),
        ('{where: "budget > 5.0 && city == \\"深圳\\""}', {"budget": 6.0}, True),
        ('{where: "budget / 0.0 > 5.0 && trial"}', {"budget": 6.0}, False),
        ('{where: "tier.startsWith(\\"三\\")"}', {"attributes": {"tier": "三甲"}}, True),
        ('{where: "max(budget, past_spend) >= 7.0"}', {"attributes": {"past_spend": "7"}}, True),
        ('{cities: [广州], where: "budget >= 0.0"}', {}, False),
    ],
)  # fmt: skip
def test_a_condition_on_one_lead_decides_which_rule_it_has(
    build: Any, when: str, lead: dict[str, Any], *, holds: bool
) -> None:
    assert rule_for(document(when), build.lead(**lead)) == ("asked" if holds else "rest")


def test_leads_of_one_profile_may_have_different_rules(build: Any) -> None:
    router = Router(document("{budget: {min: 1}}"), Roster.of(1, []))

    found = [router.path(build.lead(budget=b)).steps[0].rule.rule_id for b in (2.0, None, 2.0)]

    assert found == ["asked", "rest", "asked"]


def test_a_lead_that_nobody_in_its_rule_can_take_goes_to_the_pool_then_to_the_owner(
    build: Any,
) -> None:
    reps = [
        build.rep("ana", cities=["广州"]),
        build.rep("bo", capacity=1),
        build.rep("di", cities=[], capacity=1),
        build.rep("eve", cities=[], capacity=1),
    ]
    router = Router(document(), Roster.of(1, reps))
    board = Board([], [])

    rulings = [route(router.path(build.lead()), board) for _ in range(5)]

    assert [(r.rep_id, r.pool_id) for r in rulings if isinstance(r, Assigned)] == [
        ("bo", ""),
        ("di", "hq"),
        ("eve", "owner"),
        ("eve", "owner"),
        ("eve", "owner"),
    ]


def test_a_rule_that_waits_leaves_its_leads_waiting(build: Any) -> None:
    router = Router(document(otherwise="wait"), Roster.of(1, [build.rep("eve")]))

    ruling = route(router.path(build.lead()), Board([], []))

    assert isinstance(ruling, Unassignable)
    assert [step.rule_id for step in ruling.steps] == ["rest"]


def test_a_fallback_owner_who_has_left_is_passed_over_with_the_reason(build: Any) -> None:
    eve = build.rep("eve", active=False, inactive_because="left")
    router = Router(document(), Roster.of(1, [eve]))
    ruling = route(router.path(build.lead()), Board([], []))

    step = ruling.steps[-1]
    grounds = Grounds(step.rule_id, step.candidates.verdicts, step.counts, step.candidates.rule)
    found = refusals(grounds, Circumstances(router.roster, build.profile(), NOON))

    assert isinstance(ruling, Unassignable)
    assert [(r.reason, r.detail) for r in found] == [
        (RefusalReason.INACTIVE, "takes no leads: left")
    ]


def test_shares_of_a_rule_stand_in_place_of_the_reps_own_weights(build: Any) -> None:
    rule = build.rule(
        rep_ids=frozenset({RepId("ana"), RepId("bo")}), shares=((RepId("ana"), 3), (RepId("bo"), 1))
    )
    reps = [build.rep("ana"), build.rep("bo", weight=5)]
    router = Router(build.rules(rule), Roster.of(1, reps))
    board = Board([], [])

    given_to = Counter(
        r.rep_id
        for _ in range(40)
        if isinstance(r := route(router.path(build.lead()), board), Assigned)
    )

    assert given_to == {"ana": 30, "bo": 10}


@pytest.mark.parametrize(
    ("ties", "chosen", "tie_breaker"),
    [
        ((), "ana", TieBreaker.REP_ID),
        ((TieBreaker.FEWEST_OPEN,), "bo", TieBreaker.REP_ID),
        ((TieBreaker.FEWEST_OPEN, TieBreaker.LONGEST_IDLE), "cai", TieBreaker.LONGEST_IDLE),
        ((TieBreaker.LONGEST_IDLE,), "di", TieBreaker.LONGEST_IDLE),
    ],
)
def test_equal_shares_go_by_the_tie_breakers_that_the_rule_names(
    build: Any, ties: tuple[TieBreaker, ...], chosen: str, tie_breaker: TieBreaker
) -> None:
    reps = [build.rep(name) for name in ("ana", "bo", "cai", "di")]
    router = Router(build.rules(build.rule(ties=ties)), Roster.of(1, reps))
    board = Board(
        [],
        [(RepId("ana"), 4), (RepId("bo"), 2), (RepId("cai"), 2), (RepId("di"), 3)],
        {
            RepId("bo"): Presence(0, 5.0),
            RepId("cai"): Presence(0, 9.0),
            RepId("ana"): Presence(0, 1.0),
        },
    )

    ruling = route(router.path(build.lead()), board)

    assert isinstance(ruling, Assigned)
    assert (ruling.rep_id, ruling.tie_breaker) == (chosen, tie_breaker)


def test_the_one_with_the_lowest_share_needs_no_tie_breaker(build: Any) -> None:
    router = Router(build.rules(), Roster.of(1, [build.rep("ana"), build.rep("bo")]))
    board = Board([("territory", RepId("ana"), 1), ("territory", RepId("bo"), 0)], [])

    ruling = route(router.path(build.lead()), board)

    assert isinstance(ruling, Assigned)
    assert (ruling.rep_id, ruling.tie_breaker) == ("bo", TieBreaker.NONE)
    step = ruling.steps[0]
    stood = standings(
        Grounds(step.rule_id, step.candidates.verdicts, step.counts, ruling.rule),
        router.roster.reps,
        ruling.rep_id,
    )
    assert [(s.rep_id, s.turns_before, s.turns_after) for s in stood] == [
        ("ana", 1, 1),
        ("bo", 0, 1),
    ]


def test_who_is_off_duty_away_unseen_or_unskilled_is_passed_over_with_the_values(
    build: Any,
) -> None:
    rule = build.rule(seen_within_s=600, skills=frozenset({"英语"}))
    names = ("away", "fine", "gone", "off", "plain", "unseen")
    reps = [build.rep(name, skills=[] if name == "plain" else ["英语"]) for name in names]
    router = Router(build.rules(rule), Roster.of(1, reps), Duty(frozenset({RepId("off")})))
    presence = {
        RepId("away"): Presence(AWAY_S),
        RepId("fine"): Presence(600),
        RepId("gone"): Presence(2820),
    }
    ruling = route(router.path(build.lead()), Board([], [], presence))

    step = ruling.steps[0]
    grounds = Grounds(step.rule_id, step.candidates.verdicts, step.counts, rule)
    found = refusals(grounds, Circumstances(router.roster, build.profile(), NOON))

    assert isinstance(ruling, Assigned)
    assert ruling.rep_id == "fine"
    assert {r.rep_id: (r.reason, r.detail) for r in found} == {
        "away": (RefusalReason.AWAY, "away at their own word"),
        "gone": (RefusalReason.AWAY, "last seen 2820 s before; rule territory wants 600 s"),
        "off": (RefusalReason.OFF_DUTY, "off duty"),
        "plain": (RefusalReason.SKILL_MISSING, "knows nothing special; rule territory needs 英语"),
        "unseen": (RefusalReason.AWAY, "never seen; rule territory wants 600 s"),
    }


def test_the_sooner_of_the_urgent_is_routed_first_whatever_its_source(build: Any) -> None:
    rules = load_rules()
    light = build.lead(source_kind="organic", attributes={"tier": "三甲"})
    heavy = build.lead(source_kind="sem")

    subjects = [rules.subject_of(lead) for lead in (heavy, light)]

    assert [subject.score for subject in subjects] == [10.0, 40.0]


def test_a_record_that_lacks_what_a_rule_needs_is_named_before_a_lead_waits_for_it(
    build: Any,
) -> None:
    rules = build.rules(
        build.rule("skilled", when={"min_weight": 1}, cover=Cover.ANY, skills=frozenset({"英语"})),
        build.rule("rest"),
        pools={"owner": build.rule("owner", cover=Cover.ANY, rep_ids=frozenset({RepId("eve")}))},
    )
    roster = Roster.of(
        1,
        [
            build.rep("ana", cities=[], skills=["英语"]),
            build.rep("bo", calendar="nights"),
            build.rep("cai", cities=[], active=False),
        ],
    )

    assert gaps(rules, roster) == [
        Gap(RepId("ana"), "cities", ("rest",)),
        Gap(RepId("bo"), "calendar", ()),
        Gap(RepId("bo"), "skills", ("skilled",)),
        Gap(RepId("eve"), "roster", ("owner",)),
    ]
    assert gaps(rules, roster, {RepId("ana")}) == [Gap(RepId("ana"), "cities", ("rest",))]


def test_who_comes_back_on_duty_waits_until_it_is_noted_and_who_goes_is_gone_at_once(
    build: Any,
) -> None:
    shift = build.shift("09:00", "18:00")
    roster = Roster.of(1, [build.rep("ana", shifts=(shift,)), build.rep("bo")])
    morning = datetime(2026, 2, 9, 1, 30, tzinfo=UTC)

    before = roster.duty(morning, noted_at=morning - timedelta(hours=1))
    after = roster.duty(morning, noted_at=morning)
    evening = roster.duty(morning + timedelta(hours=9), noted_at=morning)

    assert (before.off, before.arrived) == ({"ana"}, ("ana",))
    assert (after.off, after.arrived) == (frozenset(), ())
    assert after.until == datetime(2026, 2, 9, 10, 0, tzinfo=UTC)
    assert (evening.off, evening.arrived) == ({"ana"}, ())
