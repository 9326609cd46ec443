"""The commands about who is who: what they ask, and what they show."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from leadchain.identity.v1 import explanation_service_pb2 as why_pb
from leadchain.identity.v1 import explanation_service_pb2_grpc as why_grpc
from leadchain.identity.v1 import references_pb2 as refs
from leadchain.identity.v1 import stewardship_service_pb2 as pb
from leadchain.identity.v1 import stewardship_service_pb2_grpc as grpc_of
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import Conflict
from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"
GOLDEN = "a" * 64
MASTER = "CID-20260207-000001"
KEY = -0x0123456789ABCDEF
BECAUSE = ("--reason", "said so")


@dataclass
class _Stewardship(grpc_of.StewardshipServiceServicer):
    """Grants every wish but one; remembers what it was asked."""

    asked: list[Any] = field(default_factory=list)

    async def Merge(self, request, _context):
        self.asked.append(request)
        return pb.MergeResponse(outcome=_outcome(revoked=[]))

    async def Split(self, request, _context):
        self.asked.append(request)
        return pb.SplitResponse(outcome=_outcome(revoked=[4]))

    async def MarkNever(self, request, _context):
        self.asked.append(request)
        raise Conflict("contradicts standing judgements: 4; revoke them first")

    async def MarkMust(self, request, _context):
        self.asked.append(request)
        return pb.MarkMustResponse(outcome=pb.Outcome(judgement_ids=[9], is_repeated=True))

    async def RevokeJudgement(self, request, _context):
        self.asked.append(request)
        return pb.RevokeJudgementResponse(outcome=_outcome(revoked=[request.judgement_id]))

    async def DecideReview(self, request, _context):
        self.asked.append(request)
        return pb.DecideReviewResponse(outcome=_outcome(revoked=[]))

    async def Restore(self, request, _context):
        self.asked.append(request)
        return pb.RestoreResponse(outcome=_outcome(revoked=[9]))

    async def SetGenericKey(self, request, _context):
        self.asked.append(request)
        return pb.SetGenericKeyResponse(outcome=_outcome(revoked=[]))

    async def ListReviews(self, request, _context):
        self.asked.append(request)
        review = pb.Review(a=_face(17), b=_face(42), kind=pb.REVIEW_KIND_UNCERTAIN, posterior=0.71)
        return pb.ListReviewsResponse(reviews=[review], next_page_token="2026/17/42/1")

    async def ListJudgements(self, request, _context):
        self.asked.append(request)
        return pb.ListJudgementsResponse(judgements=[_judgement()])

    async def ListRegroupings(self, request, _context):
        self.asked.append(request)
        return pb.ListRegroupingsResponse(regroupings=[_regrouping()])

    async def ListGenericKeys(self, _request, _context):
        hub = pb.GenericKey(key=KEY, rule="phone", reason="crowded", record_count=65)
        return pb.ListGenericKeysResponse(keys=[hub])


class _Explanation(why_grpc.ExplanationServiceServicer):
    """Knows two records that are one customer, and two that are not."""

    async def Why(self, request, _context):
        same = request.a.record_id == request.b.record_id
        return why_pb.WhyResponse(
            a=_face(17),
            b=_face(42),
            is_one_customer=True,
            is_one_record=same,
            direct=_comparison(why_pb.EVIDENCE_KIND_SCORED),
            path=[
                _comparison(why_pb.EVIDENCE_KIND_SCORED),
                _comparison(why_pb.EVIDENCE_KIND_SAME_SOURCE),
                _comparison(why_pb.EVIDENCE_KIND_JUDGED),
            ],
            judgements=[_judgement()],
        )

    async def WhyNot(self, _request, _context):
        return why_pb.WhyNotResponse(
            a=_face(17),
            b=_face(42),
            obstacle=why_pb.OBSTACLE_SCORE,
            bits_short=1.25,
            direct=_comparison(why_pb.EVIDENCE_KIND_UNSPECIFIED),
            a_key_rules=["phone", "uscc+surname"],
        )

    async def How(self, request, _context):
        step = why_pb.MergeStep(
            step=1, left_record_count=1, right_record_count=1, a=17, b=42, bits=9.5
        )
        step.kind = why_pb.EVIDENCE_KIND_SCORED
        return why_pb.HowResponse(
            customer=refs.CustomerFace(golden_id=GOLDEN, master_id=request.customer_id),
            records=[_face(17), _face(42)],
            steps=[step],
            regroupings=[_regrouping()],
        )


@pytest.fixture(scope="module")
def stewardship() -> _Stewardship:
    return _Stewardship()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, stewardship: _Stewardship) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stewardship")
    with serving(
        folder,
        (
            grpc_of.add_StewardshipServiceServicer_to_server,
            stewardship,
            "leadchain.identity.v1.StewardshipService",
        ),
        (
            why_grpc.add_ExplanationServiceServicer_to_server,
            _Explanation(),
            "leadchain.identity.v1.ExplanationService",
        ),
    ) as found:
        yield found


def told(served: Served, *command: str) -> Result:
    return CliRunner().invoke(app, ["identity", *command, *served.options("identity")])


def test_a_merge_shows_the_customer_that_came_of_it(
    served: Served, stewardship: _Stewardship
) -> None:
    result = told(served, "merge", MASTER, GOLDEN, *BECAUSE, "--key", "k-1")

    request = stewardship.asked[-1]
    assert (list(request.customer_ids), request.reason) == ([MASTER, GOLDEN], "said so")
    assert request.idempotency_key == "k-1"
    assert "regrouping 7" in result.output
    assert MASTER in result.output


def test_whatever_leaves_may_be_named_in_any_way(served: Served, stewardship: _Stewardship) -> None:
    result = told(served, "split", MASTER, "17", LEAD, "kingdee:C-1001:2", *BECAUSE)

    record, lead, source = stewardship.asked[-1].leaving
    assert result.exit_code == 0
    assert (record.record_id, lead.lead_id) == (17, LEAD)
    assert (source.source.system, source.source.key) == ("kingdee", "C-1001:2")
    assert "judgements revoked: 4" in result.output


def test_what_names_nothing_is_refused_before_anything_is_asked(served: Served) -> None:
    result = told(served, "never", "nobody", "17", *BECAUSE)

    assert result.exit_code == 2
    assert "is not a record's number" in " ".join(result.output.replace("│", " ").split())


def test_a_contradiction_is_one_line(served: Served) -> None:
    result = told(served, "never", "17", "42", *BECAUSE)

    assert result.exit_code == 1
    assert "contradicts standing judgements: 4" in result.output


def test_a_repeated_call_says_so(served: Served) -> None:
    result = told(served, "must", "17", "42", *BECAUSE)

    assert "nobody changed hands, as answered before" in result.output


def test_a_judgement_is_revoked_by_its_number(served: Served, stewardship: _Stewardship) -> None:
    result = told(served, "revoke", "9", *BECAUSE)

    assert stewardship.asked[-1].judgement_id == 9
    assert "judgements revoked: 9" in result.output


@pytest.mark.parametrize(
    ("word", "verdict"), [("same", refs.VERDICT_MUST), ("different", refs.VERDICT_NEVER)]
)
def test_a_pair_is_answered_by_same_or_different(
    served: Served, stewardship: _Stewardship, word: str, verdict: int
) -> None:
    told(served, "decide", "17", "42", word, *BECAUSE)

    assert stewardship.asked[-1].verdict == verdict


def test_a_pair_is_not_answered_by_another_word(served: Served) -> None:
    result = told(served, "decide", "17", "42", "maybe", *BECAUSE)

    assert result.exit_code == 2


def test_a_restore_undoes_unless_told_otherwise(served: Served, stewardship: _Stewardship) -> None:
    told(served, "restore", MASTER, "12", *BECAUSE)
    told(served, "restore", MASTER, "12", "--after", *BECAUSE)

    undo, redo = stewardship.asked[-2:]
    assert undo.is_before
    assert not redo.is_before


def test_a_listed_key_can_be_cleared(served: Served, stewardship: _Stewardship) -> None:
    listed = told(served, "hubs")
    shown = KEY.to_bytes(8, signed=True).hex()

    told(served, "hub", "key", shown, "--clear", *BECAUSE)

    assert shown in listed.output
    assert stewardship.asked[-1].key == KEY
    assert not stewardship.asked[-1].is_generic


def test_a_switchboard_is_declared_by_its_number(served: Served, stewardship: _Stewardship) -> None:
    told(served, "hub", "phone", "13800138001", *BECAUSE)

    request = stewardship.asked[-1]
    assert (request.value.field, request.value.value) == ("phone", "13800138001")
    assert request.is_generic


def test_what_waits_is_shown_under_masks(served: Served) -> None:
    result = told(served, "reviews")

    assert "17 42  posterior 0.710, the score is uncertain" in result.output
    assert "phone 138****8001" in result.output
    assert "--page-token 2026/17/42/1" in result.output


def test_judgements_and_regroupings_are_tables(served: Served) -> None:
    judgements = told(served, "judgements", "--customer", MASTER)
    regroupings = told(served, "regroupings", MASTER)

    assert "never" in judgements.output
    assert "judged" in regroupings.output


def test_why_shows_each_field_and_the_way(served: Served) -> None:
    result = told(served, "why", "17", "42")

    assert "one customer, 3 steps" in result.output
    assert "17 and 42: a person said so" in result.output
    assert "one row said both" in result.output
    assert "a stronger field does" in result.output
    assert "phone, company (says nothing)" in result.output


def test_one_record_needs_no_reason(served: Served) -> None:
    result = told(served, "why", "17", "17")

    assert "are one record" in result.output


def test_why_not_says_what_is_missing(served: Served) -> None:
    result = told(served, "why-not", "17", "42")

    assert "the score falls short, 1.25 bits short" in result.output
    assert "keys of the first: phone, uscc+surname" in result.output


def test_how_shows_the_steps(served: Served) -> None:
    result = told(served, "how", MASTER)

    assert "record 17 + record 42" in result.output
    assert "scored 9.50 bits" in result.output


def test_programs_get_json(served: Served) -> None:
    result = told(served, "why", "17", "42", "--json")

    answer = json.loads(result.output)
    assert answer["is_one_customer"] is True
    assert answer["direct"]["fields"][0]["counting"] == "COUNTING_COUNTED"


def _outcome(*, revoked: list[int]) -> pb.Outcome:
    customer = refs.CustomerFace(golden_id=GOLDEN, master_id=MASTER, record_count=2, version=3)
    return pb.Outcome(
        regrouping_id=7,
        customers=[customer],
        judgement_ids=[8],
        revoked_judgement_ids=revoked,
    )


def _face(record_id: int) -> refs.RecordFace:
    return refs.RecordFace(
        record_id=record_id,
        master_id=MASTER,
        masked_fields=[
            refs.MaskedField(name="name", value="张**"),
            refs.MaskedField(name="phone", value="138****8001"),
        ],
        systems=["kingdee", "lead"],
    )


def _judgement() -> refs.Judgement:
    return refs.Judgement(
        judgement_id=4, a=17, b=42, verdict=refs.VERDICT_NEVER, actor="steward-1", reason="kin"
    )


def _regrouping() -> refs.Regrouping:
    return refs.Regrouping(
        regrouping_id=12, kind=refs.REGROUPING_KIND_JUDGED, actor="steward-1", reason="kin"
    )


def _comparison(kind: why_pb.EvidenceKind.ValueType) -> why_pb.Comparison:
    fields = [
        why_pb.FieldComparison(
            field="phone", level="same", m=0.9, u=1e-6, bits=19.8, counting=why_pb.COUNTING_COUNTED
        ),
        why_pb.FieldComparison(
            field="company",
            level="same",
            m=0.8,
            u=1e-4,
            frequency=1e-5,
            bits=13,
            counting=why_pb.COUNTING_HIDDEN,
        ),
        why_pb.FieldComparison(field="email", counting=why_pb.COUNTING_MISSING),
    ]
    return why_pb.Comparison(
        a=17,
        b=42,
        kind=kind,
        finding=why_pb.FINDING_ACCEPTED,
        bits=9.5,
        posterior=0.998,
        fields=fields,
        shared_keys=[
            why_pb.SharedKey(rule="phone"),
            why_pb.SharedKey(rule="company", is_generic=True),
        ],
        model_version="cn-1",
    )
