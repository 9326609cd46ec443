"""`leadctl privacy` asks a service over real gRPC; whom it is about never stands in the command."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1 import privacy_service_pb2_grpc as pb_grpc
from leadchain.intake.v1.privacy_events_pb2 import SUBJECT_REQUEST_KIND_ERASURE
from leadctl.__main__ import app
from leadctl.testing import Served, serving
from servicekit.errors import Conflict
from typer.testing import Result

REQUEST = "01a20073-1560-702f-bc7f-019744272e17"
PHONE = "13800138001"


@dataclass
class _Privacy(pb_grpc.PrivacyServiceServicer):
    """Remembers what it is asked."""

    asked: list[object] = field(default_factory=list)
    document: bytes | None = b'{"records": {}}'

    async def Suppress(self, request, _context):
        self.asked.append(request)
        return pb.SuppressResponse(added_count=1)

    async def Unsuppress(self, request, _context):
        self.asked.append(request)
        return pb.UnsuppressResponse(lifted_count=1)

    async def ListSuppressions(self, request, _context):
        names, following = (("c",), "") if request.page_token else (("a", "b"), "7")
        entries = [
            pb.Suppression(index=name * 64, kind="phone", purpose=3, reason="erasure")
            for name in names
        ]
        return pb.ListSuppressionsResponse(suppressions=entries, next_page_token=following)

    async def RequestErasure(self, request, _context):
        self.asked.append(request)
        return pb.RequestErasureResponse(request_id=REQUEST)

    async def RequestExport(self, request, _context):
        self.asked.append(request)
        return pb.RequestExportResponse(request_id=REQUEST)

    async def GetSubjectRequest(self, request, _context):
        return pb.GetSubjectRequestResponse(
            request=_a_request(request.request_id),
            answers=[
                pb.SubjectAnswer(service="identity", is_complete=True, record_count=2),
                pb.SubjectAnswer(service="reporting"),
            ],
        )

    async def ListSubjectRequests(self, _request, _context):
        return pb.ListSubjectRequestsResponse(requests=[_a_request(REQUEST)])

    async def DownloadExport(self, _request, _context):
        if self.document is None:
            raise Conflict("there is no export of yours to download")
        document, self.document = self.document, None
        return pb.DownloadExportResponse(document=document)

    async def ListConsents(self, request, _context):
        self.asked.append(request)
        receipt = pb.ConsentReceipt(notice_version="2026-01", purposes=["contact"])
        return pb.ListConsentsResponse(consents=[receipt])

    async def WithdrawConsent(self, request, _context):
        self.asked.append(request)
        return pb.WithdrawConsentResponse(ended_count=1)

    async def ListCertificates(self, _request, _context):
        certificate = pb.DeletionCertificate(
            data_class="raw_delivery", run="2026-02-07", deleted_count=12, digest="d" * 64
        )
        return pb.ListCertificatesResponse(certificates=[certificate])


def _a_request(request_id):
    return pb.SubjectRequest(
        request_id=request_id,
        kind=SUBJECT_REQUEST_KIND_ERASURE,
        state=pb.SUBJECT_REQUEST_STATE_ASKED,
        requested_by="leadctl",
        lead_count=3,
        is_overdue=True,
    )


@dataclass
class Installation:
    """lead-intake's privacy service, and commands that ask it."""

    served: Served
    privacy: _Privacy

    def run(self, *command: str, typed: str = PHONE) -> Result:
        """The command's end, with what somebody typed when asked."""
        return self.served.run(app, "privacy", *command, typed=typed + "\n")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    privacy = _Privacy()
    add = pb_grpc.add_PrivacyServiceServicer_to_server
    with serving(tmp_path, (add, privacy, "leadchain.intake.v1.PrivacyService")) as served:
        yield Installation(served, privacy)


def test_a_person_is_suppressed_by_a_phone_that_the_command_does_not_show(there):
    shown = there.run("suppress", "--reason", "DSR-17", "--for", "marketing")

    (asked,) = there.privacy.asked
    assert shown.exit_code == 0
    assert "1 added" in shown.output
    assert PHONE not in shown.output
    assert (asked.subjects[0].phone, asked.reason) == (PHONE, "DSR-17")
    assert asked.purpose == pb.SUPPRESSION_PURPOSE_MARKETING


@pytest.mark.parametrize("by", ["phone", "email", "wechat"])
def test_a_person_is_named_in_each_way(there, by):
    shown = there.run("consents", "--by", by, typed="somebody")

    (asked,) = there.privacy.asked
    assert shown.exit_code == 0
    assert getattr(asked.subject, by) == "somebody"
    assert "2026-01" in shown.output


def test_a_person_is_named_by_a_lead(there):
    there.run("withdraw", "marketing", "--by", "lead", "--lead", REQUEST)

    (asked,) = there.privacy.asked
    assert (asked.subject.lead_id, list(asked.purposes)) == (REQUEST, ["marketing"])


def test_an_erasure_and_an_export_print_their_request(there):
    erased = there.run("erase", "--reason", "DSR-18")
    exported = there.run("export", "--reason", "DSR-19", "--json")

    assert erased.output.split()[-1] == REQUEST
    assert json.loads(exported.output[exported.output.index("{") :]) == {"request_id": REQUEST}
    assert [asked.subject.phone for asked in there.privacy.asked] == [PHONE, PHONE]


def test_a_request_is_shown_with_who_has_answered(there):
    shown = there.run("request", REQUEST)
    listed = there.run("requests")

    assert "erasure asked, overdue" in shown.output
    assert "not yet" in next(line for line in shown.output.splitlines() if "reporting" in line)
    assert REQUEST in listed.output


def test_the_list_is_shown_from_all_pages(there):
    shown = json.loads(there.run("suppressions", "--json").output)

    assert [entry["index"][0] for entry in shown["suppressions"]] == ["a", "b", "c"]
    assert "aaaaaaaaaaaaaaaa" in there.run("suppressions").output


def test_an_export_is_written_once_for_its_owner_only(there, tmp_path):
    file = tmp_path / "export.json"

    first = there.run("download", REQUEST, str(file))
    again = there.run("download", REQUEST, str(tmp_path / "again.json"))

    assert (first.exit_code, again.exit_code) == (0, 1)
    assert file.read_bytes() == b'{"records": {}}'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not (tmp_path / "again.json").exists()
    assert there.run("download", REQUEST, str(file)).exit_code == 2


def test_certificates_are_listed(there):
    shown = there.run("certificates")

    assert "raw_delivery" in shown.output
    assert "12" in shown.output
    assert "1 lifted" in there.run("unsuppress", "--reason", "DSR-20").output
