"""`leadctl follow-ups` against a service that says what a test wants."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from leadchain.engagement.v1 import follow_ups_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import Served, serving
from typer.testing import CliRunner, Result

LEAD = "0199c0de-0000-7000-8000-000000000001"


class _FollowUps(pb_grpc.FollowUpsServiceServicer):
    def __init__(self):
        self.asked = []

    async def ListFollowUps(self, request, _context):
        self.asked.append(request)
        told = pb.FollowUp(author_id="rep-07")
        told.statement.objection.word = "price"
        told.statement.next_action.word = "visit"
        told.evidence.add(is_confirmed=True).attachment.sha256 = "f" * 64
        told.evidence.add().call.seconds = 90
        return pb.ListFollowUpsResponse(follow_ups=[told], next_page_token="2026|7")

    async def ListContacts(self, request, _context):
        self.asked.append(request)
        contact = pb.ReportedContact(contact_id="c-1", kind="call", seconds=95)
        return pb.ListContactsResponse(contacts=[contact])

    async def GetWeeklyEffort(self, request, _context):
        self.asked.append(request)
        rep = pb.RepEffort(author_id="rep-07", follow_up_count=12, effective_count=9)
        return pb.GetWeeklyEffortResponse(reps=[rep])


@pytest.fixture
def follow_ups():
    return _FollowUps()


@pytest.fixture
def served(follow_ups, tmp_path) -> Iterator[Served]:
    add = pb_grpc.add_FollowUpsServiceServicer_to_server
    name = "leadchain.engagement.v1.FollowUpsService"
    with serving(tmp_path, (add, follow_ups, name)) as running:
        yield running


def asked(served: Served, *words: str) -> Result:
    result = CliRunner().invoke(app, ["follow-ups", *words, *served.options("engagement")])
    assert result.exit_code == 0, result.output
    return result


def test_follow_ups_are_listed_with_what_proves_them(served, follow_ups):
    printed = asked(served, "list", LEAD).output

    assert follow_ups.asked[0].lead_id == LEAD
    for told in ("rep-07", "price", "visit", "attachment, call (claimed)", "--page-token 2026|7"):
        assert told in printed


def test_reported_contacts_are_listed(served):
    printed = asked(served, "contacts", LEAD).output

    assert "95" in printed
    assert "nothing yet" in printed


def test_a_week_is_asked_for_by_any_of_its_days(served, follow_ups):
    printed = asked(served, "effort", "--at", "2026-02-07", "--json").output

    assert json.loads(printed)["reps"][0]["effective_count"] == 9
    assert follow_ups.asked[0].at.ToDatetime(tzinfo=UTC) == datetime(2026, 2, 7, tzinfo=UTC)
