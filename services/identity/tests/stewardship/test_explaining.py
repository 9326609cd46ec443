"""Why records are of one customer, why not, and how a customer came to be; recomputed, and without values."""

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from identity.domain.customers import LeadId
from identity.domain.evidence import EvidenceKind
from identity.domain.judgements import Verdict
from identity.domain.references import (
    CustomerNamed,
    LeadNamed,
    RecordNamed,
    RecordNotFound,
    SourceNamed,
)
from identity.queries.comparing import Comparer
from identity.queries.explaining import Explainer, Obstacle
from identity.wire import explanations as wire
from matchkit.scoring import Outcome, bits_of
from servicekit.events import new_id

if TYPE_CHECKING:
    from conftest import Office
    from identity.queries.comparing import Comparison


@pytest.fixture
def explainer(office: "Office") -> Explainer:
    resolver = office.resolver
    comparer = Comparer(resolver.model, resolver.digests.hasher, resolver.seals)
    return Explainer(office.database, comparer, resolver.seals, resolver.digests)


def bits(found: "Comparison | None") -> dict[str, tuple[str, float, str]]:
    assert found is not None
    return {
        each.field: (each.level, round(each.bits, 6), each.counted)
        for each in found.explanation.fields
    }


async def test_each_field_weighs_what_it_weighed_when_they_were_joined(
    office: "Office", explainer: Explainer
) -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")

    found = await explainer.why(SourceNamed("kingdee", "A-1"), RecordNamed(other))

    assert found.is_one_customer
    assert (found.a.record.record_id, found.b.record.record_id) == (one, other)
    assert bits(found.direct)["phone"] == ("exact", 20.0, "yes")
    assert bits(found.direct)["uscc"] == ("", 0.0, "missing")
    [step] = found.path
    [(kept,)] = await office.rows("select bits from links where a = $1 and b = $2", one, other)
    assert step.explanation.assessment.bits == pytest.approx(kept)
    assert step.explanation.model_version == "test-1"
    assert {key.rule for key in step.shared} == {"phone", "name"}


async def test_the_way_leads_over_others_where_two_have_nothing_in_common(
    office: "Office", explainer: Explainer
) -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    middle = await office.states("B", name="Zhang Wei", phone="13800138001", company="Acme")
    other = await office.states("C", name="Li Na", phone="13800138002")
    await office.stewardship.mark(
        office.act(), RecordNamed(middle), RecordNamed(other), Verdict.MUST
    )

    found = await explainer.why(RecordNamed(one), RecordNamed(other))

    assert [(step.a, step.b) for step in found.path] == [(one, middle), (middle, other)]
    assert [step.edge and step.edge.kind for step in found.path] == [
        EvidenceKind.SCORED,
        EvidenceKind.JUDGED,
    ]
    assert [each.verdict for each in found.judgements] == [Verdict.MUST]
    assert found.direct is not None
    assert found.direct.explanation.assessment.outcome is Outcome.REJECT


async def test_rows_that_say_the_same_are_one_record(
    office: "Office", explainer: Explainer
) -> None:
    await office.states("A", name="Zhang Wei", phone="13800138001")
    await office.states("B", name="Zhang Wei", phone="13800138001")

    found = await explainer.why(SourceNamed("kingdee", "A"), SourceNamed("kingdee", "B"))

    assert found.direct is None
    assert found.a.source_count == 2


async def test_a_score_that_falls_short_says_by_how_much(
    office: "Office", explainer: Explainer
) -> None:
    one = await office.states("A", name="Wang Fang", company="Acme", phone="13800138001")
    other = await office.states("B", name="Wang Fang", company="Acme")

    found = await explainer.why_not(RecordNamed(one), RecordNamed(other))

    assert found.obstacle is Obstacle.SCORE
    assert found.bits_short == pytest.approx(bits_of(0.85) - 2.0)
    assert found.a_rules == ("company", "name", "phone")
    assert found.b_rules == ("company", "name")


async def test_a_veto_names_the_field(office: "Office", explainer: Explainer) -> None:
    await office.states("A", name="Zhang Wei", phone="13800138001", uscc="91A")
    await office.states("B", name="Zhang Wei", phone="13800138001", uscc="91B")

    found = await explainer.why_not(SourceNamed("kingdee", "A"), SourceNamed("kingdee", "B"))

    assert found.obstacle is Obstacle.VETO
    assert found.direct is not None
    assert found.direct.explanation.assessment.veto == "uscc"
    assert found.bits_short == 0


async def test_whoever_shares_no_key_is_never_compared(
    office: "Office", explainer: Explainer
) -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    other = await office.states("B", name="Li Na", phone="13800138002")

    found = await explainer.why_not(RecordNamed(one), RecordNamed(other))

    assert found.obstacle is Obstacle.NO_SHARED_KEY


async def test_a_never_is_named(office: "Office", explainer: Explainer) -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    done = await office.split(one, other)

    found = await explainer.why_not(RecordNamed(one), RecordNamed(other))

    assert found.obstacle is Obstacle.JUDGEMENT
    assert [each.judgement_id for each in found.judgements] == list(done.judgement_ids)


async def test_a_key_declared_worthless_is_shown_as_such(
    office: "Office", explainer: Explainer
) -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    key = office.stewardship.key_of("phone", "13800138001")
    await office.stewardship.set_generic(office.act(), key, is_generic=True)

    found = await explainer.why_not(RecordNamed(one), RecordNamed(other))

    assert found.obstacle is Obstacle.SCORE
    assert bits(found.direct)["phone"] == ("", 0.0, "hub")
    assert found.direct is not None
    assert {key.rule: key.is_generic for key in found.direct.shared} == {
        "phone": True,
        "name": False,
    }


async def test_of_two_customers_the_pair_that_fits_best_is_shown(
    office: "Office", explainer: Explainer
) -> None:
    ones = await office.person("A", rows=3, name="Zhang Wei", phone="13800138001")
    other = await office.states("B", name="Zhang Wei", company="A 2")

    found = await explainer.why_not(
        CustomerNamed(await office.golden_id(ones[0])), RecordNamed(other)
    )

    assert (found.a.record.record_id, found.b.record.record_id) == (ones[1], other)


async def test_how_is_a_tree_in_the_order_of_time(office: "Office", explainer: Explainer) -> None:
    ones = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    merged = await office.merge(ones[0], others[0])

    found = await explainer.how(await office.golden_id(others[0]))

    assert [step.edge.kind for step in found.steps] == [
        EvidenceKind.SCORED,
        EvidenceKind.SCORED,
        EvidenceKind.JUDGED,
    ]
    assert (found.steps[2].left_step, found.steps[2].right_step) == (1, 2)
    assert [each.regrouping_id for each in found.regroupings] == [merged.regrouping_id]
    assert {face.record.record_id for face in found.records} == {*ones, *others}


async def test_no_value_is_told(office: "Office", explainer: Explainer) -> None:
    await office.states("A", name="Zhang Wei", phone="13800138001", uscc="91ABCDEFGHJKLMNPQR")
    await office.states("B", name="Zhang Wei", phone="13800138001")

    found = await explainer.why(SourceNamed("kingdee", "A"), SourceNamed("kingdee", "B"))
    how = await explainer.how(found.a.record.golden_id)

    told = str(wire.why_response(found)) + str(wire.how_response(how))
    assert "138****8001" in told
    for value in ("Zhang Wei", "13800138001", "91ABCDEFGHJKLMNPQR"):
        assert value not in told


async def test_who_has_no_record_is_not_found(office: "Office", explainer: Explainer) -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")

    for nobody in (
        LeadNamed(LeadId(UUID(new_id()))),
        SourceNamed("lead", "no uuid"),
        RecordNamed(10**12),
    ):
        with pytest.raises(RecordNotFound):
            await explainer.why(RecordNamed(one), nobody)
