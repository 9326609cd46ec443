"""Rules and rosters over the command line: faults by line, what a trial shows, tables of reps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from leadchain.assignment.v1 import assignment_service_pb2 as assignment
from leadchain.assignment.v1 import assignment_service_pb2_grpc as assignment_grpc
from leadchain.assignment.v1 import rules_service_pb2 as pb
from leadchain.assignment.v1 import rules_service_pb2_grpc as grpc_pb
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"
NEEDED = {
    "subject": "leadctl",
    "action": "publish",
    "resource": "rule:routing",
    "params": {"sha256": "ab"},
}
TABLE = """工号,所属城市,行业,权重,班次,在职
ana,深圳 广州,,2,1-5 09:00-12:00; 6 9:00-12:00,是
bo,,软件SaaS、教育培训,,,否
"""


class _Rules(grpc_pb.RulesServiceServicer):
    async def CheckRules(self, request, _context):
        answer = pb.CheckRulesResponse(sha256="ab", version_in_force=4, gaps=["ana: cities (x)"])
        if "typo" in request.document:
            answer.faults.add(line=7, path="rules[0].repps", reason="was unexpected")
        return answer

    async def SimulateRules(self, request, _context):
        load = pb.SimulatedLoad(rep_id="ana", real_count=3, in_force_count=4, proposed_count=1)
        change = pb.SimulatedChange(lead_id="lead-1", proposed_assignee_id="bo")
        return pb.SimulateRulesResponse(
            lead_count=request.leads_max,
            changed_count=1,
            loads=[load],
            changes=[change],
            assumptions=["reps are those of today"],
        )

    async def PublishRules(self, request, _context):
        if not request.approval_id:
            raise Forbidden(f"approval_required: {json.dumps(NEEDED)}")
        return pb.PublishRulesResponse(version=request.version or 5)

    async def ListRules(self, _request, _context):
        return pb.ListRulesResponse(versions=[pb.RulesVersion(version=4, is_in_force=True)])

    async def GetRules(self, _request, _context):
        return pb.GetRulesResponse(document="rules: [x]\n")


class _Assignment(assignment_grpc.AssignmentServiceServicer):
    def __init__(self) -> None:
        self.imported = assignment.ImportRepsRequest()

    async def ImportReps(self, request, _context):
        self.imported.CopyFrom(request)
        gap = assignment.RepGap(rep_id="bo", attribute="cities", rule_ids=["territory"])
        change = assignment.RepFieldChange(rep_id="ana", column="cities", after="广州 深圳")
        return assignment.ImportRepsResponse(changes=[change], changed_count=1, gaps=[gap])

    async def ExplainAssignment(self, _request, _context):
        standing = assignment.Standing(
            rep_id="eve", share=1.0, turns_before=1, turns_after=2, open_count=4, rule_id="owner"
        )
        decision = assignment.Decision(
            outcome="assigned",
            assignee_id="eve",
            cause=AssignmentCause.ASSIGNMENT_CAUSE_FIRST,
            rule_id="territory",
            rules_version=3,
            pool_id="owner",
            score=76.0,
            tie_breaker="longest_idle",
            standings=[standing],
        )
        return assignment.ExplainAssignmentResponse(lead_id=LEAD, decisions=[decision])

    async def CheckReps(self, _request, _context):
        gap = assignment.RepGap(rep_id="bo", attribute="cities", rule_ids=["territory"])
        return assignment.CheckRepsResponse(gaps=[gap], rep_count=2)

    async def PutCalendars(self, request, _context):
        return assignment.PutCalendarsResponse(changed_count=len(request.calendars))

    async def ListCalendars(self, _request, _context):
        shift = assignment.Shift(weekdays=[1, 2], start="09:00", end="18:00")
        calendar = assignment.Calendar(name="office", zone="Asia/Shanghai", shifts=[shift])
        return assignment.ListCalendarsResponse(calendars=[calendar])


@pytest.fixture(scope="module")
def roster() -> _Assignment:
    return _Assignment()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, roster: _Assignment) -> Iterator[Served]:
    add = (
        (
            grpc_pb.add_RulesServiceServicer_to_server,
            _Rules(),
            "leadchain.assignment.v1.RulesService",
        ),
        (
            assignment_grpc.add_AssignmentServiceServicer_to_server,
            roster,
            "leadchain.assignment.v1.AssignmentService",
        ),
    )
    with serving(tmp_path_factory.mktemp("rules"), *add) as running:
        yield running


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "new.yaml"
    file.write_text("rules: []\n")
    return file


def ran(served: Served, *command: str) -> Result:
    return CliRunner().invoke(app, [*command, *served.options("assignment")])


def test_a_fault_is_shown_as_editors_read_it(served: Served, document: Path) -> None:
    fine = ran(served, "rules", "check", str(document))
    document.write_text("typo: 1\n")
    faulty = ran(served, "rules", "check", str(document))

    assert (fine.exit_code, faulty.exit_code) == (0, 1)
    assert "lacking: ana: cities (x)" in fine.output
    assert "new.yaml:7: rules[0].repps: was unexpected" in faulty.output


def test_a_trial_shows_loads_changes_and_what_was_assumed(served: Served, document: Path) -> None:
    shown = ran(served, "rules", "simulate", str(document), "--since", "7d", "--limit", "9")

    assert shown.exit_code == 0
    assert "9 leads: 1 get another owner" in shown.output
    assert "lead-1" in shown.output
    assert "assumed: reps are those of today" in shown.output


def test_publishing_says_whom_to_ask_and_takes_their_approval(
    served: Served, document: Path
) -> None:
    refused = ran(served, "rules", "publish", str(document))
    published = ran(served, "rules", "publish", str(document), "--approval", "r-1")
    back = ran(served, "rules", "rollback", "2", "--approval", "r-2")

    assert refused.exit_code == 1
    assert "leadctl perm request leadctl publish rule:routing" in refused.output
    assert "version 5 is in force" in published.output
    assert "version 2 is in force" in back.output


def test_an_explanation_says_where_a_lead_fell_back_to_and_whose_turn_it_was(
    served: Served,
) -> None:
    shown = ran(served, "lead", "explain", LEAD).output

    assert "territory, version 3, fell back to owner  score 76" in shown
    assert "equals by longest idle" in shown
    assert "eve 1 (turns 1 -> 2, 4 open)" in shown


def test_versions_are_listed_and_shown(served: Served) -> None:
    assert "4 (in force)" in ran(served, "rules", "list").output
    assert "rules: [x]" in ran(served, "rules", "show").output


def test_a_table_of_reps_changes_only_its_columns(
    served: Served, roster: _Assignment, tmp_path: Path
) -> None:
    file = tmp_path / "reps.csv"
    file.write_bytes(TABLE.encode("gb18030"))

    shown = ran(served, "reps", "import", str(file), "--dry-run")

    assert shown.exit_code == 0
    assert "would be changed" in shown.output
    assert "bo lacks cities: territory needs it" in shown.output
    sent = roster.imported
    assert list(sent.columns) == ["cities", "industries", "weight", "shifts", "active"]
    assert (sent.is_dry_run, sent.clears_empty) == (True, False)
    ana, bo = sent.reps
    assert (list(ana.cities), ana.weight, ana.active) == (["深圳", "广州"], 2, True)
    assert [(list(s.weekdays), s.start, s.end) for s in ana.shifts] == [
        ([1, 2, 3, 4, 5], "09:00", "12:00"),
        ([6], "09:00", "12:00"),
    ]
    assert (list(bo.cities), list(bo.industries)) == ([], ["软件SaaS", "教育培训"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("城市\n深圳\n", "1: one column must be rep_id"),
        ("rep_id,colour\na,red\n", "1: unknown column 'colour'"),
        ("rep_id,weight\na,much\n", "2: 'much' is no weight"),
        ("rep_id,shifts\na,9 to 5\n", "2: '9 to 5' is no shifts"),
        ("rep_id,city\n,深圳\n", "2: the id is missing"),
        ("rep_id,active\na,\n", "2: '' is no active"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_line(
    served: Served, tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "reps.csv"
    file.write_text(text)

    shown = ran(served, "reps", "import", str(file))

    assert shown.exit_code == 2
    assert reason in " ".join(shown.output.replace("│", " ").split())


def test_gaps_and_calendars_are_shown(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "calendars.yaml"
    file.write_text("calendars:\n  - {name: office, holidays: ['2026-02-17']}\n")

    gaps = ran(served, "reps", "check")
    put = ran(served, "reps", "calendars", str(file))
    listed = ran(served, "reps", "calendars")

    assert (gaps.exit_code, put.exit_code) == (1, 0)
    assert "2 reps, 1 gaps" in gaps.output
    assert "1 calendars changed" in put.output
    assert "1,2 09:00-18:00" in listed.output
