"""`leadctl forms` against a service that says what a test wants."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.intake.v1 import forms_service_pb2 as pb
from leadchain.intake.v1 import forms_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import Served, serving
from servicekit.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@dataclass
class _Forms(pb_grpc.FormsServiceServicer):
    """Finds that hs_code breaks the old app; remembers what it is asked."""

    asked: list[Any] = field(default_factory=list)
    verdict: pb.Compatibility.ValueType = pb.COMPATIBILITY_BREAKING

    async def PutForm(self, request, _context):
        self.asked.append(request)
        return pb.PutFormResponse(path="/forms/key")

    async def CheckForm(self, request, _context):
        self.asked.append(request)
        change = pb.SchemaChange(
            pointer="/hs_code",
            kind="required_added",
            effect=pb.CHANGE_EFFECT_BREAKING,
            reason="the field must be there",
        )
        client = pb.ClientVerdict(
            client="app/3.2.6",
            old_version=1,
            new_version=2,
            compatibility=self.verdict,
            changes=[change],
        )
        replay = pb.ReplayVerdict(
            client="app/3.2.6",
            checked_count=40,
            failing_count=10,
            failing_ratio=0.25,
            places=[pb.FailingPlace(pointer="/hs_code", rule="required", count=10)],
        )
        return pb.CheckFormResponse(
            version=2,
            sha256=hashlib.sha256(request.document.encode()).hexdigest(),
            compatibility=self.verdict,
            clients=[client],
            replays=[replay],
        )

    async def PublishForm(self, request, _context):
        self.asked.append(request)
        if request.approval_id == "refused":
            raise Forbidden("not approved")
        return pb.PublishFormResponse(version=request.version, is_canary=True)

    async def ListForms(self, _request, _context):
        form = pb.Form(form="order", channel="website_form", account="main", guard_mode="report")
        form.versions.add(version=2, stage="canary", sha256="ab" * 32, min_client="3.2.7")
        form.canary.version, form.canary.percent = 2, 5
        form.canary.numbers.new_checked_count = 40
        form.canary.numbers.new_failed_count = 2
        return pb.ListFormsResponse(forms=[form])

    async def PromoteForm(self, request, _context):
        return pb.PromoteFormResponse(live_version=request.version)

    async def RollBackForm(self, request, _context):
        return pb.RollBackFormResponse(live_version=request.version - 1)

    async def SetFormGuard(self, request, _context):
        self.asked.append(request)
        return pb.SetFormGuardResponse(old_mode="report")

    async def ExemptFormOrigin(self, request, _context):
        self.asked.append(request)
        return pb.ExemptFormOriginResponse()

    async def ListFormCallers(self, request, _context):
        self.asked.append(request)
        caller = pb.FormCaller(
            form="order", origin_host="oa.example.com", cause="no_token", agent_family="ie", count=7
        )
        return pb.ListFormCallersResponse(callers=[] if request.form == "quiet" else [caller])


@dataclass
class Installation:
    """A lead-intake with forms, and commands that ask it."""

    served: Served
    forms: _Forms

    def run(self, *command: str) -> Result:
        """The command's end."""
        return self.served.run(app, "forms", *command)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    forms = _Forms()
    add = pb_grpc.add_FormsServiceServicer_to_server
    with serving(tmp_path, (add, forms, "leadchain.intake.v1.FormsService")) as served:
        yield Installation(served, forms)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "order.yaml"
    file.write_text("title: {zh: 询价}\nschema: {type: object, properties: {name: {}}}\n")
    return file


def test_a_check_names_client_place_and_share_and_exits_with_1(
    there: Installation, document: Path
) -> None:
    shown = there.run("check", str(document), "--form", "order")

    assert shown.exit_code == 1
    assert "version 2: breaking" in shown.output
    assert "app/3.2.6: breaking (judged by version 1, then by 2)" in shown.output
    assert "breaking   /hs_code  required_added: the field must be there" in shown.output
    row = next(line for line in shown.output.splitlines() if "25.0%" in line)
    assert "/hs_code required (10)" in row


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (pb.COMPATIBILITY_COMPATIBLE, 0),
        (pb.COMPATIBILITY_UNAFFECTED, 0),
        (pb.COMPATIBILITY_UNDECIDED, 1),
    ],
)
def test_a_check_exits_with_0_only_when_it_is_proved_that_nobody_breaks(
    there: Installation, document: Path, verdict: pb.Compatibility.ValueType, code: int
) -> None:
    there.forms.verdict = verdict

    assert there.run("check", str(document), "--form", "order").exit_code == code


def test_a_check_as_json_has_the_names_of_the_contract(there: Installation, document: Path) -> None:
    shown = json.loads(there.run("check", str(document), "--form", "order", "--json").output)

    assert shown["compatibility"] == "COMPATIBILITY_BREAKING"
    assert shown["clients"][0]["changes"][0]["pointer"] == "/hs_code"
    assert shown["replays"][0]["failing_count"] == 10


def test_what_is_published_is_what_was_checked_whatever_the_file_looks_like(
    there: Installation, document: Path, tmp_path: Path
) -> None:
    same = tmp_path / "same.json"
    same.write_text('{"schema":{"properties":{"name":{}},"type":"object"},"title":{"zh":"询价"}}')
    there.run("check", str(document), "--form", "order")

    shown = there.run("publish", str(same), "--form", "order", "--version", "2", "--approval", "a1")

    assert shown.output == "version 2 is on trial\n"
    checked, published = there.forms.asked
    assert checked.document == published.document
    assert (published.canary_percent, published.canary_duration_s) == (5, 259_200)
    assert published.idempotency_key == "order/2/a1"


def test_a_refused_approval_is_one_line_and_exit_code_1(
    there: Installation, document: Path
) -> None:
    shown = there.run(
        "publish", str(document), "--form", "order", "--version", "2", "--approval", "refused"
    )

    assert shown.exit_code == 1
    assert shown.output.splitlines() == ["lead-intake refused: not approved"]


def test_a_form_is_created_promoted_and_taken_back(there: Installation) -> None:
    assert there.run("put", "order", "website_form", "main").output == "/forms/key\n"
    assert there.run("promote", "order", "2").output == "version 2 is in force\n"
    assert there.run("rollback", "order", "2").output == "version 1 is in force\n"


def test_the_list_shows_how_a_canary_does(there: Installation) -> None:
    shown = there.run("list")

    assert "3.2.7" in shown.output
    assert "version 2 on trial for 5 %" in shown.output
    assert "refuses 2 of 40 (5.0%), the version in force 0 of 0" in shown.output


def test_callers_of_the_last_seven_days_are_listed(there: Installation) -> None:
    shown = there.run("callers")
    quiet = there.run("callers", "--form", "quiet")

    row = next(line for line in shown.output.splitlines() if "oa.example.com" in line)
    assert "no_token" in row
    assert quiet.output == "nobody would be refused\n"
    assert there.forms.asked[0].HasField("since")


def test_guard_and_exemption_go_with_an_approval(there: Installation) -> None:
    assert there.run("guard", "order", "enforce", "--approval", "a").output == "report -> enforce\n"
    exempt = there.run("exempt", "order", "https://oa.example.com", "--approval", "b")

    assert exempt.exit_code == 0
    assert [each.approval_id for each in there.forms.asked] == ["a", "b"]


@pytest.mark.parametrize("text", ["a: [", "when: 2026-01-25", "x: .nan"])
def test_a_file_that_is_no_document_exits_with_2(
    there: Installation, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)

    assert there.run("check", str(file), "--form", "order").exit_code == 2
