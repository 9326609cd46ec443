"""The commands about accounts, mappings and quarantine: what they ask, what they show, and whom to ask first."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from leadchain.intake.v1 import config_events_pb2 as events
from leadchain.intake.v1 import intake_service_pb2 as intake
from leadchain.intake.v1 import intake_service_pb2_grpc as intake_grpc
from leadchain.intake.v1 import mappings_service_pb2 as pb
from leadchain.intake.v1 import mappings_service_pb2_grpc as mappings_grpc
from leadctl.__main__ import app
from leadctl.clients import NotAnswered
from leadctl.consent import needed_by
from leadctl.testing import Served, serving
from servicekit.errors import Forbidden
from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"
FORM = ("website_form", "main")
NEEDED = (
    'approval_required: {"action":"publish","params":{"sha256":"ab 12"},'
    '"resource":"mapping:website_form/main","subject":"governance-2"}'
)


@dataclass
class _Mappings(mappings_grpc.MappingsServiceServicer):
    """Wants an approval for every publication; remembers what it was asked."""

    published: list[pb.PublishMappingRequest] = field(default_factory=list)

    async def CheckMapping(self, _request, _context):
        for checked in (0, 100, 120):
            yield pb.CheckMappingResponse(checked_count=checked, total_count=120)
        result = pb.MappingCheck(
            sha256="ab12",
            base_version=1,
            rescued_count=12,
            quarantined_checked_count=12,
            accepted_checked_count=108,
            differences=[pb.FieldDifference(field="contact.name", item_count=3)],
            examples=[
                pb.FieldExample(lead_id=LEAD, field="contact.name", before="示**", after="钱**")
            ],
            outcomes=[pb.OutcomeCount(outcome="accepted", before_count=108, after_count=120)],
        )
        yield pb.CheckMappingResponse(checked_count=120, total_count=120, result=result)

    async def PublishMapping(self, request, _context):
        if not request.approval_id:
            raise Forbidden(NEEDED)
        self.published.append(request)
        return pb.PublishMappingResponse(version=request.version or 1000)

    async def ListMappings(self, _request, _context):
        return pb.ListMappingsResponse(
            mappings=[pb.MappingVersion(version=1001, published_by="governance-2")]
        )

    async def GetMapping(self, _request, _context):
        return pb.GetMappingResponse(document='{"require":["a[0]"]}')

    async def ListDrifts(self, _request, _context):
        change = events.TypeChange(path="budget", before=["number"], after="string")
        drift = events.SchemaDrifted(
            channel="website_form",
            added=["fields.hs_code"],
            vanished=["fields.mobile"],
            changed=[change],
        )
        return pb.ListDriftsResponse(drifts=[drift])


class _Intake(intake_grpc.IntakeServiceServicer):
    """Has one item in quarantine and one change in its history."""

    async def GetQuarantined(self, request, _context):
        item = intake.QuarantinedItem(lead_id=request.lead_id, reason="no_contact_point")
        return intake.GetQuarantinedResponse(
            item=item,
            masked_body='{"fields": {"customer": "138****8001"}}',
            differences=[intake.ShapeDifference(path="fields.customer", types=["string"])],
            suggestions=[
                intake.Suggestion(name="phones", path="fields.customer", evidence="value")
            ],
        )

    async def ListQuarantined(self, request, _context):
        found = request.reason == intake.QUARANTINE_REASON_NO_CONTACT_POINT
        items = [intake.QuarantinedItem(lead_id="a", account=request.account)] if found else []
        return intake.ListQuarantinedResponse(items=items)

    async def ReplayMatching(self, _request, _context):
        yield intake.ReplayMatchingResponse(total_count=1200, replayed_count=500)
        yield intake.ReplayMatchingResponse(
            total_count=1203, replayed_count=1000, unchanged_count=200, not_replayable_count=3
        )

    async def RemoveAccount(self, request, _context):
        if request.approval_id != "request-1":
            raise Forbidden("approval_unverifiable")
        answer = intake.RemoveAccountResponse()
        answer.closed_at.FromSeconds(1_800_000_000)
        return answer

    async def ListConfigurationChanges(self, request, _context):
        change = intake.ConfigurationChange(
            kind="webhook_account", resource_id=request.resource_id, actor_id="operator-1"
        )
        return intake.ListConfigurationChangesResponse(changes=[change])


@dataclass
class Installation:
    """A lead-intake of stand-ins, and commands that ask it."""

    served: Served
    mappings: _Mappings

    def run(self, *command: str) -> Result:
        """The command's end."""
        return self.served.run(app, *command)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    mappings, prefix = _Mappings(), "leadchain.intake.v1."
    add = mappings_grpc.add_MappingsServiceServicer_to_server
    add_intake = intake_grpc.add_IntakeServiceServicer_to_server
    with serving(
        tmp_path_factory.mktemp("installation"),
        (add, mappings, f"{prefix}MappingsService"),
        (add_intake, _Intake(), f"{prefix}IntakeService"),
    ) as served:
        yield Installation(served, mappings)


@pytest.fixture
def document(tmp_path: Path) -> str:
    file = tmp_path / "mapping.yaml"
    file.write_text("require: [fields]\n")
    return str(file)


def test_a_check_shows_progress_and_what_would_differ(there: Installation, document: str) -> None:
    shown = there.run("mappings", "check", *FORM, document)

    assert shown.exit_code == 0
    assert "100 of 120" in shown.output
    assert "sha256 ab12, against rules 1" in shown.output
    assert "12 of 12 in quarantine come out; 0 of 108 accepted would be lost" in shown.output
    assert "contact.name: 示** -> 钱**" in shown.output


def test_without_an_approval_the_command_says_whom_to_ask(
    there: Installation, document: str
) -> None:
    refused = there.run("mappings", "publish", *FORM, document, "ab12")

    assert refused.exit_code == 1
    line = next(one for one in refused.output.splitlines() if "leadctl perm request" in one)
    words = shlex.split(line.partition("leadctl ")[2])
    assert words[:5] == ["perm", "request", "governance-2", "publish", "mapping:website_form/main"]
    assert json.loads(words[6]) == {"sha256": "ab 12"}
    assert there.mappings.published == []


def test_with_an_approval_a_mapping_is_published_and_taken_back(
    there: Installation, document: str
) -> None:
    published = there.run("mappings", "publish", *FORM, document, "ab12", "--approval", "r1")
    back = there.run("mappings", "rollback", *FORM, "1003", "--approval", "r2")

    assert "version 1000 is in force" in published.output
    assert "version 1003 is in force" in back.output
    assert [each.approval_id for each in there.mappings.published] == ["r1", "r2"]


def test_versions_documents_and_drifts_are_shown(there: Installation) -> None:
    assert "governance-2" in there.run("mappings", "list", *FORM).output
    assert there.run("mappings", "show", *FORM).output.strip() == '{"require":["a[0]"]}'
    drift = there.run("mappings", "drift").output
    assert "fields.hs_code" in drift
    assert "number to string" in drift


def test_a_quarantined_item_is_shown_with_where_to_look(there: Installation) -> None:
    shown = there.run("quarantine", "show", LEAD)

    assert shown.exit_code == 0
    assert "138****8001" in shown.output
    assert "phones may be at fields.customer (value)" in shown.output


def test_items_are_chosen_by_account_and_reason(there: Installation) -> None:
    listed = there.run(
        "quarantine", "list", "--account", "main", "--reason", "no_contact_point", "--json"
    )
    unknown = there.run("quarantine", "list", "--reason", "bad_mood")

    assert [item["account"] for item in json.loads(listed.output)["items"]] == ["main"]
    assert unknown.exit_code == 2


def test_a_bulk_replay_says_how_far_it_is_and_what_stays(there: Installation) -> None:
    shown = there.run("quarantine", "replay", "--channel", "website_form")

    assert "500 of 1200" in shown.output
    assert "1000 items will be mapped again" in shown.output
    assert "200 stay" in shown.output
    assert "3 are rows of imported files" in shown.output


def test_an_account_is_closed_by_approval_and_its_history_shown(there: Installation) -> None:
    refused = there.run("accounts", "remove", *FORM)
    closed = there.run("accounts", "remove", *FORM, "--approval", "request-1")
    history = there.run("accounts", "history", *FORM)

    assert (refused.exit_code, "approval_unverifiable" in refused.output) == (1, True)
    assert "closed since" in closed.output
    assert "website_form/main" in history.output


def test_other_refusals_ask_for_no_approval() -> None:
    forbidden = NotAnswered("lead-intake", "", "PERMISSION_DENIED", "operators only")
    unavailable = NotAnswered("lead-intake", "", "UNAVAILABLE", NEEDED)

    assert needed_by(forbidden) is None
    assert needed_by(unavailable) is None
