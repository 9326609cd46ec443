"""`leadctl identity customer`, `may-contact` and `duplicate` against services that say what a test wants."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.identity.v1 import customer360_service_pb2_grpc as pb_grpc
from leadchain.identity.v1 import duplicates_service_pb2 as duplicates_pb
from leadchain.identity.v1 import duplicates_service_pb2_grpc as duplicates_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import TooMany
from typer.testing import Result

GOLDEN = "a" * 64
MASTER = "CID-20260207-000001"
PHONE = "13800138001"
SECONDS = 1_770_436_800


class _Customer360(pb_grpc.Customer360ServiceServicer):
    async def GetCustomer360(self, _request, _context):
        answer = pb.GetCustomer360Response(golden_id=GOLDEN, master_id=MASTER, version=3)
        answer.fields.add(name="phone", value="138****8001", is_masked=True, system="kingdee")
        answer.leads.leads.add(
            lead_id="lead-1", channel="form", state=pb.LEAD_STATE_ASSIGNED, owner_id="ana"
        )
        answer.leads.total = answer.leads.open_count = 1
        answer.payments.months.add(month="2026-02", currency="CNY", received_minor=1_234_50)
        ticket = answer.tickets.tickets.add(ticket_id="T-1", type="投诉", solved_in_s=18_000)
        ticket.opened_at.seconds = SECONDS
        answer.relations.nodes.add(golden_id=GOLDEN, master_id=MASTER)
        answer.relations.nodes.add()
        answer.relations.edges.add(from_node=0, to_node=1, kind="company")
        return answer


class _Contactability(pb_grpc.ContactabilityServiceServicer):
    def __init__(self):
        self.asked = []

    async def MayContact(self, request, _context):
        self.asked.append(request)
        answer = pb.MayContactResponse(golden_id=GOLDEN, contact_count=3)
        if request.purpose == pb.CONTACT_PURPOSE_RENEWAL:
            answer.reasons.add(
                refusal=pb.CONTACT_REFUSAL_CONTACTED_OFTEN, count=3, systems=["call_centre", "erp"]
            )
        answer.may = not answer.reasons
        return answer

    async def RecordObjection(self, request, _context):
        self.asked.append(request)
        return pb.RecordObjectionResponse(objection_id=request.objection_id)

    async def WithdrawObjection(self, request, _context):
        self.asked.append(request)
        return pb.WithdrawObjectionResponse(withdrawn_count=2)


class _Duplicates(duplicates_grpc.DuplicatesServiceServicer):
    def __init__(self):
        self.asked = []

    async def CheckDuplicate(self, request, _context):
        self.asked.append(request)
        if request.name == "often":
            raise TooMany("too many duplicate checks")
        answer = duplicates_pb.CheckDuplicateResponse(
            check_id="check-1", outcome=duplicates_pb.DUPLICATE_OUTCOME_NONE, checks_left=9
        )
        if request.phone:
            answer.outcome = duplicates_pb.DUPLICATE_OUTCOME_EXISTS
            answer.matches.add(
                outcome=answer.outcome,
                team="mia",
                owner_id="ana",
                is_walled=True,
                agreeing=["phone"],
            )
        return answer

    async def RequestAccess(self, request, _context):
        self.asked.append(request)
        return duplicates_pb.RequestAccessResponse(request_id="request-1", has_owner=True)

    async def ListAccessRequests(self, _request, _context):
        answer = duplicates_pb.ListAccessRequestsResponse()
        answer.requests.add(request_id="request-1", golden_id=GOLDEN, requester_id="bo")
        return answer


@dataclass
class Installation:
    """The services, and commands that ask them."""

    served: Served
    contacts: _Contactability
    duplicates: _Duplicates

    def run(self, *command: str, typed: str | None = None) -> Result:
        """What a command does."""
        options = self.served.options("identity")
        return CliRunner().invoke(app, ["identity", *command, *options], input=typed)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    package = "leadchain.identity.v1"
    contacts, duplicates = _Contactability(), _Duplicates()
    with serving(
        tmp_path_factory.mktemp("installation"),
        (
            pb_grpc.add_Customer360ServiceServicer_to_server,
            _Customer360(),
            f"{package}.Customer360Service",
        ),
        (
            pb_grpc.add_ContactabilityServiceServicer_to_server,
            contacts,
            f"{package}.ContactabilityService",
        ),
        (
            duplicates_grpc.add_DuplicatesServiceServicer_to_server,
            duplicates,
            f"{package}.DuplicatesService",
        ),
    ) as served:
        yield Installation(served, contacts, duplicates)


def test_a_customer_is_shown_over_all_systems(there: Installation) -> None:
    done = there.run("customer", MASTER)

    assert done.exit_code == 0, done.output
    for shown in (
        MASTER,
        "138****8001",
        "lead-1",
        "assigned",
        "ana",
        "1,234.50",
        "5.0 h",
        "company",
    ):
        assert shown in done.output
    assert "(not yours to see)" in done.output


def test_a_customer_can_be_had_by_a_program(there: Installation) -> None:
    done = there.run("customer", GOLDEN, "--json")

    assert json.loads(done.output)["payments"]["months"][0]["received_minor"] == 1_234_50


def test_a_contact_that_is_refused_says_why_and_ends_with_three(there: Installation) -> None:
    refused = there.run("may-contact", GOLDEN, "--purpose", "renewal", "--channel", "call")
    allowed = there.run("may-contact", GOLDEN, "--purpose", "service")

    assert refused.exit_code == 3
    assert "contacted_often" in refused.output
    assert "call_centre, erp" in refused.output
    assert allowed.exit_code == 0


def test_a_purpose_that_nobody_knows_is_refused_before_anybody_is_asked(
    there: Installation,
) -> None:
    done = there.run("may-contact", GOLDEN, "--purpose", "fun")

    assert done.exit_code == 2


def test_an_objection_is_written_down_and_withdrawn(there: Installation) -> None:
    noted = there.run("objection", GOLDEN, "--channel", "call", "--until", "2026-03-01T00:00:00Z")
    asked = there.contacts.asked[-1]
    withdrawn = there.run("withdraw-objection", GOLDEN, noted.output.strip())

    assert noted.output.strip() == asked.objection_id
    assert (asked.channel, asked.purpose) == (pb.CONTACT_CHANNEL_CALL, 0)
    assert "2 objections are withdrawn" in withdrawn.output


def test_a_duplicate_is_told_without_what_was_looked_for(there: Installation) -> None:
    by_option = there.run("duplicate", "--phone", PHONE)
    typed = there.run("duplicate", typed=json.dumps({"phone": PHONE}))

    for done in (by_option, typed):
        assert done.exit_code == 3
        assert "exists" in done.output
        assert "behind a wall" in done.output
        assert PHONE not in done.output
    assert [request.phone for request in there.duplicates.asked[-2:]] == [PHONE, PHONE]


def test_nobody_found_ends_with_zero(there: Installation) -> None:
    done = there.run("duplicate", "--company", "示例科技", "--name", "张伟")

    assert done.exit_code == 0
    assert "nobody" in done.output


@pytest.mark.parametrize(
    "typed", ["", "[]", '{"phone": 1}', '{"telephone": "x"}', "13800138001"],
    ids=["nothing", "list", "number", "unknown", "bare"],
)  # fmt: skip
def test_standard_input_that_is_no_question_is_refused_and_not_repeated(
    there: Installation, typed: str
) -> None:
    done = there.run("duplicate", typed=typed)

    assert done.exit_code == 2
    assert PHONE not in done.output


def test_too_many_checks_are_refused_in_one_line(there: Installation) -> None:
    done = there.run("duplicate", "--company", "示例", "--name", "often")

    assert done.exit_code == 1
    assert "too many" in done.output


def test_access_is_asked_for_and_listed(there: Installation) -> None:
    asked = there.run("request-access", "check-1", "0")
    listed = there.run("access-requests")

    assert "request-1: the owner is told" in asked.output
    assert "bo" in listed.output
