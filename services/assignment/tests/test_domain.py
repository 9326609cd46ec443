"""Who is a candidate, who is passed over, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from assignment.domain.board import Board
from assignment.domain.candidates import RefusalReason, Router
from assignment.domain.contact import may_hop, next_owner, response_time_ms
from assignment.domain.leads import OpenLead, Owned, Precision, RepId, sort_arrivals
from assignment.domain.refusals import Circumstances, Grounds, Refusal, nearest, refusals
from assignment.domain.reps import Roster, UnusableRep, check_reps, roster_change
from assignment.domain.routing import Assigned, Unassignable, most_urgent_first, route
from assignment.domain.rules import ContactSla, Cover

if TYPE_CHECKING:
    from assignment.domain.reps import Rep
    from assignment.domain.rules import Rules

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


def decide(
    rules: Rules, reps: list[Rep], lead: Any, *, board: Board | None = None, excluded: Any = ()
) -> tuple[str | None, dict[str, Refusal]]:
    """The chosen rep and the refusal of each other one, by the lead's own rule."""
    router = Router(rules, Roster.of(1, reps))
    banned = frozenset(map(RepId, excluded))
    ruling = route(router.path(lead), board or Board([], []), excluded=banned)
    step = ruling.steps[0]
    grounds = Grounds(step.rule_id, step.candidates.verdicts, step.counts, ruling.rule)
    found = refusals(grounds, Circumstances(router.roster, lead.profile, NOON, banned))
    chosen = ruling.rep_id if isinstance(ruling, Assigned) else None
    return chosen, {refusal.rep_id: refusal for refusal in found}


def test_a_lead_goes_to_the_rep_who_covers_its_city_and_industry(build: Any) -> None:
    reps = [
        build.rep("ana", industries=["教育"]),
        build.rep("bo", cities=["广州"]),
        build.rep("cai", industries=["医疗"]),
        build.rep("di", cities=[]),
        build.rep("eve", active=False),
    ]

    chosen, refused = decide(build.rules(), reps, build.lead())

    assert chosen == "ana"
    assert {rep: (r.reason, r.detail) for rep, r in refused.items()} == {
        "bo": (RefusalReason.REGION_NOT_COVERED, "covers 广东 / 广州; lead is in 广东 深圳"),
        "cai": (RefusalReason.INDUSTRY_NOT_COVERED, "serves 医疗; lead is in 教育"),
        "di": (RefusalReason.CITY_MISSING, "city empty; rule territory needs one"),
        "eve": (RefusalReason.INACTIVE, "takes no leads"),
    }


def test_a_lead_nobody_can_take_has_a_reason_for_each_rep(build: Any) -> None:
    reps = [build.rep("ana"), build.rep("bo", capacity=2)]
    lead = build.lead(province="海南", city="三沙")

    chosen, refused = decide(build.rules(), reps, lead)

    assert chosen is None
    assert {r.detail for r in refused.values()} == {"covers 广东 / 深圳; lead is in 海南 三沙"}


def test_a_full_rep_is_passed_over_with_their_load(build: Any) -> None:
    reps = [build.rep("ana", capacity=2), build.rep("bo")]
    board = Board([("territory", RepId("bo"), 50)], [(RepId("ana"), 2)])

    chosen, refused = decide(build.rules(), reps, build.lead(), board=board)

    assert chosen == "bo"
    assert refused["ana"] == Refusal(RepId("ana"), RefusalReason.FULL, "2 of 2 leads open")


def test_an_owner_before_is_passed_over(build: Any) -> None:
    reps = [build.rep("ana"), build.rep("bo")]

    chosen, refused = decide(build.rules(), reps, build.lead(), excluded=["ana"])

    assert chosen == "bo"
    assert refused["ana"].reason is RefusalReason.PREVIOUS_OWNER


def test_a_lead_of_a_known_province_only_goes_to_who_covers_the_province(build: Any) -> None:
    reps = [build.rep("ana", provinces=[]), build.rep("bo", cities=[])]
    lead = build.lead(city="", precision=Precision.PROVINCE)

    chosen, refused = decide(build.rules(), reps, lead)

    assert chosen == "bo"
    assert refused["ana"].detail == "covers 深圳; lead is in 广东"


def test_an_ambiguous_place_is_not_guessed(build: Any) -> None:
    lead = build.lead(province="", city="", precision=Precision.AMBIGUOUS)

    chosen, refused = decide(build.rules(), [build.rep("ana")], lead)

    assert chosen is None
    assert refused["ana"].detail == "covers 广东 / 深圳; lead is in (ambiguous)"


def test_an_industry_nobody_stated_rules_nobody_out(build: Any) -> None:
    reps = [build.rep("ana", industries=["医疗"])]

    chosen, _ = decide(build.rules(), reps, build.lead(industry=""))

    assert chosen == "ana"


def test_a_rule_for_named_reps_passes_the_others_over(build: Any) -> None:
    vip = build.rule(
        "vip", when={"min_weight": 1.5}, cover=Cover.ANY, rep_ids=frozenset({RepId("bo")})
    )

    chosen, refused = decide(
        build.rules(vip, build.rule()), [build.rep("ana"), build.rep("bo")], build.lead()
    )

    assert chosen == "bo"
    assert refused["ana"].detail == "rule vip names other reps"


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"provinces": frozenset({"广东"})}, True),
        ({"cities": frozenset({"广州"})}, False),
        ({"industries": frozenset({"教育"}), "source_kinds": frozenset({"sem"})}, True),
        ({"source_kinds": frozenset({"organic"})}, False),
        ({"precisions": frozenset({Precision.UNKNOWN})}, False),
        ({"min_weight": 1.5}, True),
        ({"min_weight": 1.6}, False),
    ],
)
def test_the_first_rule_that_fits_decides(build: Any, when: Any, *, fits: bool) -> None:
    rules = build.rules(build.rule("narrow", when=when), build.rule("rest"))

    rule = Router(rules, Roster.of(1, [])).path(build.lead()).steps[0].rule

    assert rule.rule_id == ("narrow" if fits else "rest")


def test_a_source_without_a_weight_weighs_what_other_sources_do(build: Any) -> None:
    rules = build.rules()
    with_other = type(rules)(1, {"sem": 1.5, "other": 0.5}, rules.rules)

    assert rules.weight_of("fair") == 1.0
    assert with_other.weight_of("fair") == 0.5


def test_the_heaviest_sources_are_routed_first_and_equals_as_they_came(build: Any) -> None:
    sources = ["organic", "sem", "official_account", "sem"]
    subjects = [build.rules().subject_of(build.lead(source_kind=source)) for source in sources]

    assert most_urgent_first(subjects) == [1, 3, 2, 0]


def test_of_too_many_refusals_those_that_lack_least_are_told(build: Any) -> None:
    found = [
        Refusal(RepId("ana"), RefusalReason.NOT_IN_RULE, ""),
        Refusal(RepId("bo"), RefusalReason.FULL, ""),
        Refusal(RepId("cai"), RefusalReason.CITY_MISSING, ""),
    ]

    assert [refusal.rep_id for refusal in nearest(found, 2)] == ["bo", "cai"]


def test_with_no_reps_a_lead_is_unassignable(build: Any) -> None:
    ruling = route(Router(build.rules(), Roster.of(0, [])).path(build.lead()), Board([], []))

    assert isinstance(ruling, Unassignable)


def test_a_customer_who_asks_twice_in_a_batch_has_one_conversation(build: Any) -> None:
    first, second, other = build.lead(golden_id="g1"), build.lead(golden_id="g1"), build.lead()

    arrivals = sort_arrivals([first, second, second, other], known=set(), open_leads={})

    assert arrivals.fresh == [first, other]
    assert arrivals.joining == [(second, OpenLead(first.lead_id, None))]


def test_a_lead_that_is_here_already_does_not_arrive(build: Any) -> None:
    lead = build.lead()

    arrivals = sort_arrivals([lead], known={lead.lead_id}, open_leads={})

    assert (arrivals.fresh, arrivals.joining) == ([], [])


@pytest.mark.parametrize(
    "named",
    [
        {"rep_id": " "},
        {"rep_id": "x" * 65},
        {"cities": ["深圳市"]},
        {"provinces": ["广东省"]},
        {"cities": ["深圳\n广州"]},
        {"industries": [""]},
        {"weight": 1001},
        {"capacity": 10**9},
    ],
)
def test_a_rep_who_could_never_work_as_meant_is_refused(build: Any, named: Any) -> None:
    rep = build.rep(**{"rep_id": "ana", **named})

    with pytest.raises(UnusableRep):
        check_reps([rep])


def test_a_rep_named_twice_in_one_request_is_refused(build: Any) -> None:
    with pytest.raises(UnusableRep, match="ana: named twice"):
        check_reps([build.rep("ana"), build.rep("ana", capacity=3)])


def test_only_what_moves_leads_to_a_rep_lets_them_join_the_rotation_anew(build: Any) -> None:
    known = {rep.rep_id: rep for rep in (build.rep("ana"), build.rep("bo"), build.rep("cai"))}
    described = [
        build.rep("ana", manager_id="manager-2"),
        build.rep("bo", weight=3),
        build.rep("cai"),
        build.rep("di"),
    ]

    change = roster_change(known, described)

    assert [rep.rep_id for rep in change.changed] == ["ana", "bo", "di"]
    assert change.rejoining == ["bo"]


def test_the_next_owner_has_a_clock_of_their_own_and_the_response_time_counts_from_the_first() -> (
    None
):
    sla = ContactSla(timedelta(minutes=15), max_hops=1)
    first = Owned(RepId("ana"), 1, NOON + timedelta(minutes=15), NOON)
    later = NOON + timedelta(minutes=16)

    second = next_owner(first, RepId("bo"), due_at=later + timedelta(minutes=15))

    assert (second.assignment_no, second.contact_due_at) == (2, later + timedelta(minutes=15))
    assert response_time_ms(second, later) == 16 * 60 * 1000
    assert (may_hop(first, sla), may_hop(second, sla)) == (True, False)
