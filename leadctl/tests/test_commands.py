"""The commands ask services over real gRPC and show the answer, or one line that says why there is none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadchain.assignment.v1 import assignment_service_pb2 as assignment
from leadchain.assignment.v1 import assignment_service_pb2_grpc as assignment_grpc
from leadchain.assignment.v1.events_pb2 import AssignmentCause, Refusal, RefusalReason
from leadchain.intake.v1 import intake_service_pb2 as intake
from leadchain.intake.v1 import intake_service_pb2_grpc as intake_grpc
from leadchain.notification.v1 import notification_service_pb2 as notification
from leadchain.notification.v1 import notification_service_pb2_grpc as notification_grpc
from leadchain.reporting.v1 import reporting_service_pb2 as reporting
from leadchain.reporting.v1 import reporting_service_pb2_grpc as reporting_grpc
from leadctl.__main__ import app
from leadctl.presentation import parsed_moment
from leadctl.testing import CliRunner, Served, serving
from leadctl.trace_tree import parents_first
from servicekit.errors import NotFound
from servicekit.telemetry import SpanRecord
from servicekit.v1 import operations_service_pb2 as operations
from servicekit.v1 import operations_service_pb2_grpc as operations_grpc
from typer import BadParameter
from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"
STRANGER = "01a20073-1560-702f-bc7f-000000000000"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SERVICES = (
    "lead-intake",
    "identity",
    "assignment",
    "permissions",
    "engagement",
    "notification",
    "reporting",
)
PREFIX = "leadchain."


class _Intake(intake_grpc.IntakeServiceServicer):
    """Knows one lead; has three quarantined items on two pages."""

    async def GetLead(self, request, _context):
        if request.lead_id != LEAD:
            raise NotFound(f"no lead {request.lead_id}")
        answer = intake.GetLeadResponse(lead_id=LEAD, state="received", trace_id=TRACE)
        answer.facts.channel = "website_form"
        answer.facts.phone_display = "138****8001"
        return answer

    async def ListQuarantined(self, request, _context):
        ids, following = (["c"], "") if request.page_token else (["a", "b"], "next")
        items = [intake.QuarantinedItem(lead_id=one, reason="undecodable") for one in ids]
        return intake.ListQuarantinedResponse(items=items, next_page_token=following)

    async def ReplayQuarantined(self, request, _context):
        return intake.ReplayQuarantinedResponse(replayed_count=len(request.lead_ids) or 3)

    async def ReplayMatching(self, _request, _context):
        for replayed in (0, 2, 3):
            yield intake.ReplayMatchingResponse(total_count=3, replayed_count=replayed)

    async def PutAccount(self, request, _context):
        return intake.PutAccountResponse(
            path=f"/in/v1/{request.channel}/{'-'.join(request.secrets)}"
        )

    async def ListAccounts(self, _request, _context):
        return intake.ListAccountsResponse(accounts=[intake.Account(channel="website_form")])


@dataclass
class _Assignment(assignment_grpc.AssignmentServiceServicer):
    """Could give the lead to nobody; remembers the reps it is told."""

    reps: list[assignment.Rep] = field(default_factory=list)

    async def ExplainAssignment(self, _request, _context):
        decision = assignment.Decision(
            outcome="unassignable",
            cause=AssignmentCause.ASSIGNMENT_CAUSE_FIRST,
            rule_id="territory",
            rules_version=7,
            inputs=["city=三沙"],
            refusals=[
                Refusal(
                    rep_id="rep-12",
                    reason=RefusalReason.REFUSAL_REASON_CITY_MISSING,
                    detail="city empty; rule territory needs one",
                )
            ],
        )
        return assignment.ExplainAssignmentResponse(lead_id=LEAD, decisions=[decision])

    async def GetAssignment(self, _request, _context):
        raise NotFound("not decided")

    async def PutReps(self, request, _context):
        self.reps = list(request.reps)
        return assignment.PutRepsResponse(changed_count=len(self.reps), drained_count=217)

    async def ListReps(self, _request, _context):
        loads = [assignment.RepLoad(rep=rep, open_count=3) for rep in self.reps]
        return assignment.ListRepsResponse(reps=loads)


@dataclass
class _Reporting(reporting_grpc.ReportingServiceServicer):
    """Says what it is told to say."""

    ledger: reporting.GetLedgerResponse = field(default_factory=reporting.GetLedgerResponse)
    asked_since: datetime | None = None

    async def GetLedger(self, request, _context):
        self.asked_since = request.since.ToDatetime(tzinfo=UTC)
        return self.ledger

    async def GetFunnel(self, _request, _context):
        line = reporting.FunnelLine(channel="website_form", day="2026-01-25", outcome="merged")
        return reporting.GetFunnelResponse(lines=[line])

    async def GetLatency(self, _request, _context):
        return reporting.GetLatencyResponse(lead_count=9, p50_ms=120.4, p99_ms=800.6)

    async def GetLeadTimeline(self, _request, _context):
        entry = reporting.TimelineEntry(event="LeadAssigned", summary="assignee=rep-07")
        return reporting.GetLeadTimelineResponse(lead_id=LEAD, entries=[entry])


@dataclass
class _Notification(notification_grpc.NotificationServiceServicer):
    """Remembers the recipients it is told."""

    recipients: list[notification.Recipient] = field(default_factory=list)

    async def ListReminders(self, _request, _context):
        reminder = notification.Reminder(recipient_id="rep-07", state="delivered")
        return notification.ListRemindersResponse(reminders=[reminder])

    async def PutRecipients(self, request, _context):
        self.recipients = list(request.recipients)
        return notification.PutRecipientsResponse(changed_count=len(self.recipients))

    async def GetReminderHealth(self, _request, _context):
        return notification.GetReminderHealthResponse(due_count=4, delivered_count=5)


@dataclass
class _Operations(operations_grpc.OperationsServiceServicer):
    """Has one dead letter that fails again."""

    replayed_since: datetime | None = None

    async def ListDeadLetters(self, _request, _context):
        letter = operations.DeadLetter(event_id="event-1", consumer="identity-LeadReceived")
        return operations.ListDeadLettersResponse(letters=[letter])

    async def ReplayDeadLetters(self, _request, _context):
        return operations.ReplayDeadLettersResponse(handled_count=2, failed_count=1)

    async def ReplayOutbox(self, request, _context):
        self.replayed_since = request.since.ToDatetime(tzinfo=UTC)
        return operations.ReplayOutboxResponse(row_count=40)

    async def GetBacklog(self, _request, _context):
        return operations.GetBacklogResponse(outbox_count=12)


@dataclass
class Installation:
    """Services that say what a test wants, and commands that ask them."""

    served: Served
    assignment: _Assignment
    notification: _Notification
    operations: _Operations
    reporting: _Reporting

    def run(self, *command: str, token_file: Path | None = None) -> Result:
        """The command's end."""
        options = self.served.options(*SERVICES, token_file=token_file)
        return CliRunner().invoke(app, [*command, *options])


def test_show_tells_what_a_lead_said_who_has_it_and_its_reminders(there: Installation) -> None:
    shown = there.run("lead", "show", LEAD)

    assert shown.exit_code == 0
    assert "138****8001" in shown.output
    assert "not decided" in shown.output
    assert "rep-07" in shown.output


def test_show_as_json_has_the_names_of_the_contract(there: Installation) -> None:
    shown = json.loads(there.run("lead", "show", LEAD, "--json").output)

    assert shown["lead"]["facts"]["phone_display"] == "138****8001"
    assert shown["assignment"] is None
    assert shown["reminders"]["reminders"][0]["recipient_id"] == "rep-07"


def test_explain_names_each_rep_and_why_not(there: Installation) -> None:
    shown = there.run("lead", "explain", LEAD)

    assert shown.exit_code == 0
    assert "territory, version 7" in shown.output
    row = next(line for line in shown.output.splitlines() if "rep-12" in line)
    assert "city missing" in row
    assert "city empty; rule territory needs one" in row


def test_trace_prints_the_spans_as_a_tree(there: Installation, tmp_path: Path) -> None:
    spans = [_span("a", None, 0), _span("b", "a", 5), _span("c", "b", 9)]
    lines = [json.dumps(span._asdict(), separators=(",", ":")) for span in spans]
    (tmp_path / "lead-intake.jsonl").write_text("\n".join(lines) + "\n")

    shown = there.run("lead", "trace", LEAD, "--spans", str(tmp_path))
    data = json.loads(there.run("lead", "trace", LEAD, "--spans", str(tmp_path), "--json").output)

    assert shown.exit_code == 0
    assert [line.index("lead-intake") for line in shown.output.splitlines()[1:]] == [4, 8, 12]
    assert [(one["span_id"], one["start_ms"]) for one in data["spans"]] == [
        ("a", 0.0),
        ("b", 5.0),
        ("c", 9.0),
    ]


def test_a_trace_without_spans_is_said_to_be_missing(there: Installation, tmp_path: Path) -> None:
    shown = there.run("lead", "trace", LEAD, "--spans", str(tmp_path))

    assert shown.exit_code == 1
    assert TRACE in shown.output


def test_a_span_whose_parent_is_lost_is_a_root_of_its_own() -> None:
    lost = [_span("late", "gone", 3), _span("child", "root", 2), _span("root", None, 1)]

    assert [span.span_id for span in parents_first(lost)] == ["root", "child", "late"]


def test_timeline_funnel_latency_and_health_are_shown(there: Installation) -> None:
    assert "assignee=rep-07" in there.run("lead", "timeline", LEAD).output
    assert "merged" in there.run("funnel").output
    assert "p50 120 ms, p99 801 ms over 9 leads" in there.run("latency").output
    assert "4 due, 5 delivered" in there.run("recipients", "health").output


def test_an_unknown_lead_is_one_line_and_exit_code_1(there: Installation) -> None:
    shown = there.run("lead", "show", STRANGER)

    assert shown.exit_code == 1
    assert shown.output.splitlines() == [f"lead-intake does not know it: no lead {STRANGER}"]


def test_a_service_that_is_away_is_one_line_and_exit_code_1(there: Installation) -> None:
    token = str(there.served.identities.token_file("leadctl"))
    command = ["ledger", "--target", "reporting=127.0.0.1:1", "--token-file", token]

    shown = CliRunner().invoke(app, command)

    assert shown.exit_code == 1
    assert shown.output.splitlines() == ["reporting at 127.0.0.1:1 cannot be reached"]


def test_a_token_that_is_not_accepted_is_said_so(there: Installation, tmp_path: Path) -> None:
    forged = tmp_path / "token"
    forged.write_text("forged")

    refused = there.run("funnel", token_file=forged)
    unreadable = there.run("funnel", token_file=tmp_path / "nowhere")

    assert (refused.exit_code, unreadable.exit_code) == (1, 1)
    assert "does not accept the token" in refused.output
    assert "cannot be read" in unreadable.output


@pytest.mark.parametrize(
    "command",
    [
        ["lead", "show", "no-uuid"],
        ["ledger", "--since", "yesterday"],
        ["funnel", "--target", "reporting"],
        ["funnel", "--target", "warehouse=127.0.0.1:1"],
        ["dead-letters", "list", "--service", "warehouse"],
        ["reps", "apply", "no-such-file.yaml"],
        ["demo", "--leads", "3"],
    ],
)
def test_a_command_that_makes_no_sense_exits_with_2(command: list[str]) -> None:
    assert CliRunner().invoke(app, command).exit_code == 2


def test_without_a_stack_or_targets_a_command_says_what_to_do(tmp_path: Path) -> None:
    nowhere = {"LEADCHAIN_STACK_DIR": str(tmp_path / "nowhere"), "COLUMNS": "300"}

    shown = CliRunner().invoke(app, ["ledger"], env=nowhere)

    assert shown.exit_code == 2
    assert "--target and --token-file" in shown.output


def test_a_proved_ledger_exits_with_0_and_an_unproved_one_with_1(there: Installation) -> None:
    there.reporting.ledger.total.accepted_count = 10
    proved = there.run("ledger", "--since", "2026-01-25T13:00:00+08:00")
    there.reporting.ledger.missing.add(lead_id=LEAD, present_in="identity", missing_in="assignment")
    missing = there.run("ledger")
    there.reporting.ledger.ClearField("missing")
    there.reporting.ledger.unreachable.append("identity")
    unproved = there.run("ledger")

    assert (proved.exit_code, missing.exit_code, unproved.exit_code) == (0, 1, 1)
    assert f"missing {LEAD}: in identity, not in assignment" in missing.output
    assert "the book of identity could not be read" in unproved.output


def test_since_is_passed_on(there: Installation) -> None:
    there.run("ledger", "--since", "2026-01-25T13:00:00+08:00")

    assert there.reporting.asked_since == datetime(2026, 1, 25, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", datetime(2026, 1, 25, 11, 58, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 1, 25, 10, tzinfo=UTC)),
        ("7d", datetime(2026, 1, 18, 12, tzinfo=UTC)),
        ("2026-01-25T13:00:00+08:00", datetime(2026, 1, 25, 5, tzinfo=UTC)),
    ],
)
def test_a_moment_is_an_age_or_iso_8601(text: str, moment: datetime) -> None:
    assert parsed_moment(text, now=datetime(2026, 1, 25, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize("text", ["", "h", "-2h", "soon", "99999999d"])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(BadParameter):
        parsed_moment(text, now=datetime(2026, 1, 25, 12, tzinfo=UTC))


def test_a_roster_is_applied_with_reps_active_by_default(
    there: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(
        "reps:\n  - {rep_id: rep-1, cities: [深圳]}\n  - {rep_id: rep-2, active: false}\n"
    )

    applied = there.run("reps", "apply", str(file))
    listed = there.run("reps", "list")

    assert "2 reps changed, 217 waiting leads found an owner" in applied.output
    assert [(rep.rep_id, rep.active) for rep in there.assignment.reps] == [
        ("rep-1", True),
        ("rep-2", False),
    ]
    assert "rep-2 (inactive)" in listed.output


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("reps: [{rep_id: a, colour: red}]", "reps[0]"),
        ("reps: [a]", "reps[0] is not a mapping"),
        ("people: []", "expected one list named reps"),
        ("reps: [", "while parsing"),
        ("", "expected one list named reps"),
    ],
)
def test_a_fault_in_a_file_is_told_with_its_place(
    there: Installation, tmp_path: Path, text: str, fault: str
) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(text)

    refused = there.run("reps", "apply", str(file))

    assert refused.exit_code == 2
    assert fault in " ".join(refused.output.replace("│", " ").split())


def test_recipients_are_applied(there: Installation, tmp_path: Path) -> None:
    file = tmp_path / "recipients.yaml"
    file.write_text("recipients: [{recipient_id: rep-1, webhook_url: 'https://example.com'}]")

    assert "1 recipients changed" in there.run("recipients", "apply", str(file)).output
    assert there.notification.recipients[0].recipient_id == "rep-1"


def test_accounts_take_their_secrets_from_files(there: Installation, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("newer\n")
    (tmp_path / "old").write_text("older\n")
    secrets = [f"--secret-file={tmp_path / name}" for name in ("new", "old")]

    put = there.run("accounts", "put", "website_form", "site", *secrets)

    assert put.output.strip() == "/in/v1/website_form/newer-older"
    assert "website_form" in there.run("accounts", "list").output


def test_quarantine_lists_all_pages_and_replays(there: Installation) -> None:
    listed = json.loads(there.run("quarantine", "list", "--json").output)

    assert [item["lead_id"] for item in listed["items"]] == ["a", "b", "c"]
    assert "3 items" in there.run("quarantine", "replay").output
    assert "1 items" in there.run("quarantine", "replay", LEAD).output


def test_dead_letters_that_fail_again_exit_with_1(there: Installation) -> None:
    listed = there.run("dead-letters", "list", "--service", "identity")
    replayed = there.run("dead-letters", "replay", "--service", "identity")

    assert "event-1" in listed.output
    assert replayed.exit_code == 1
    assert "2 handled, 1 failed again" in replayed.output


def test_the_outbox_is_replayed_from_a_moment_on(there: Installation) -> None:
    replayed = there.run(
        "outbox", "replay", "--service", "identity", "--since", "2026-01-25T13:00:00+00:00"
    )

    assert "40 events" in replayed.output
    assert there.operations.replayed_since == datetime(2026, 1, 25, 13, tzinfo=UTC)


def test_backlog_shows_every_service_and_names_the_one_that_is_away(there: Installation) -> None:
    all_there = there.run("backlog")
    targets = [
        f"--target=assignment=127.0.0.1:{there.served.port}",
        "--target=identity=127.0.0.1:1",
    ]
    token = str(there.served.identities.token_file("leadctl"))
    one_away = CliRunner().invoke(app, ["backlog", *targets, "--token-file", token, "--json"])

    assert all_there.exit_code == 0
    assert all_there.output.count("12") == len(SERVICES)
    assert one_away.exit_code == 1
    assert json.loads(one_away.output)["assignment"]["outbox_count"] == 12
    assert "cannot be reached" in json.loads(one_away.output)["identity"]["problem"]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    """An installation that is served while the test runs."""
    assigning, notifying = _Assignment(), _Notification()
    operating, reporting_back = _Operations(), _Reporting()
    with serving(
        tmp_path,
        (
            intake_grpc.add_IntakeServiceServicer_to_server,
            _Intake(),
            f"{PREFIX}intake.v1.IntakeService",
        ),
        (
            assignment_grpc.add_AssignmentServiceServicer_to_server,
            assigning,
            f"{PREFIX}assignment.v1.AssignmentService",
        ),
        (
            reporting_grpc.add_ReportingServiceServicer_to_server,
            reporting_back,
            f"{PREFIX}reporting.v1.ReportingService",
        ),
        (
            notification_grpc.add_NotificationServiceServicer_to_server,
            notifying,
            f"{PREFIX}notification.v1.NotificationService",
        ),
        (
            operations_grpc.add_OperationsServiceServicer_to_server,
            operating,
            "servicekit.v1.OperationsService",
        ),
    ) as served:
        yield Installation(served, assigning, notifying, operating, reporting_back)


def _span(span_id: str, parent_id: str | None, start_ms: int) -> SpanRecord:
    return SpanRecord(
        trace_id=TRACE,
        span_id=span_id,
        parent_id=parent_id,
        service="lead-intake",
        name="step",
        kind="INTERNAL",
        start_ns=start_ms * 1_000_000,
        end_ns=start_ms * 1_000_000 + 1_500_000,
        status="UNSET",
        attributes={},
        links=[],
    )
