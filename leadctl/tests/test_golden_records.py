"""The commands about golden records: what they ask, and what they show of somebody's phone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from leadchain.identity.v1 import golden_records_service_pb2 as pb
from leadchain.identity.v1 import golden_records_service_pb2_grpc as grpc_of
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import Conflict
from typer.testing import Result

GOLDEN = "a" * 64
MASTER = "CID-20260207-000001"
BECAUSE = ("--reason", "told on the phone")


def _value(name: str, text: str, **named: Any) -> pb.GoldenValue:
    value = pb.GoldenValue(field=name, text=text, rule=pb.SURVIVORSHIP_RULE_NEWEST, **named)
    value.modified_at.FromSeconds(1_800_000_000)
    return value


def _change(**named: Any) -> pb.GoldenChange:
    change = pb.GoldenChange(change_id=1842, cause=pb.CHANGE_CAUSE_NEW_STATEMENT, **named)
    change.changed_at.FromSeconds(1_800_000_000)
    return change


@dataclass
class _GoldenRecords(grpc_of.GoldenRecordsServiceServicer):
    """Knows one customer and two policies; remembers what it was asked."""

    asked: list[Any] = field(default_factory=list)

    async def GetGoldenRecord(self, request, _context):
        self.asked.append(request)
        return pb.GetGoldenRecordResponse(
            golden_id=GOLDEN,
            master_id=MASTER,
            version=0 if request.HasField("as_of") else 3,
            policy_version=1000,
            values=[
                _value("city", "深圳", actor="steward-1", pin_reason="told on the phone"),
                _value("name", "示例", system="kingdee", source_key="K-1", actor="clerk-2"),
                _value("other_phones", "+8613800138002,13800138003"),
                _value("phone", "+8613800138001", loser_count=2),
            ],
        )

    async def ListChanges(self, request, _context):
        self.asked.append(request)
        grade = _change(
            field="credit_grade",
            old=_value("credit_grade", "A"),
            new=_value("credit_grade", "C"),
            system="tickets",
            actor="after-sales-3",
        )
        erased = _change(field="phone", is_erased=True, new=_value("phone", "13800138001"))
        return pb.ListChangesResponse(changes=[grade, erased], next_page_token="1841")

    async def SearchChanges(self, request, _context):
        self.asked.append(request)
        return pb.SearchChangesResponse()

    async def PinValue(self, request, _context):
        self.asked.append(request)
        if request.field == "deal_amount":
            raise Conflict("deal_amount is set by finance only")
        return pb.PinValueResponse(version=4)

    async def ReleasePin(self, request, _context):
        self.asked.append(request)
        return pb.ReleasePinResponse(version=5)

    async def RestoreValue(self, request, _context):
        self.asked.append(request)
        return pb.RestoreValueResponse(version=6, field="city")

    async def GetSurvivorshipPolicy(self, request, _context):
        self.asked.append(request)
        version = pb.SurvivorshipPolicyVersion(version=1000, published_by="governor-1")
        return pb.GetSurvivorshipPolicyResponse(
            version=version,
            document="version: 1",
            is_in_force=True,
            behind_count=7,
            published=[version],
        )

    async def PreviewSurvivorshipPolicy(self, request, _context):
        self.asked.append(request)
        yield pb.PreviewSurvivorshipPolicyResponse(checked_count=200, changed_count=1)
        difference = pb.SurvivorshipDifference(field="city", customer_count=12, golden_ids=[GOLDEN])
        yield pb.PreviewSurvivorshipPolicyResponse(
            checked_count=320,
            changed_count=12,
            differences=[difference],
            is_last=True,
            base_version=1000,
        )

    async def PublishSurvivorshipPolicy(self, request, _context):
        self.asked.append(request)
        return pb.PublishSurvivorshipPolicyResponse(version=1001, behind_count=320)


@pytest.fixture(scope="module")
def golden_records() -> _GoldenRecords:
    return _GoldenRecords()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, golden_records: _GoldenRecords
) -> Iterator[Served]:
    add = grpc_of.add_GoldenRecordsServiceServicer_to_server
    name = "leadchain.identity.v1.GoldenRecordsService"
    with serving(tmp_path_factory.mktemp("golden"), (add, golden_records, name)) as found:
        yield found


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "survivorship.yaml"
    file.write_text("version: 1", encoding="utf-8")
    return str(file)


def told(served: Served, *command: str, typed: str | None = None) -> Result:
    options = served.options("identity")
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["identity", *command, *options], input=typed
    )


def test_a_record_is_shown_with_its_reasons_and_masked_phones(served: Served) -> None:
    result = told(served, "show", MASTER)

    assert "version 3, by policy 1000" in result.output
    assert "138****8001" in result.output
    assert "138****8002, 138****8003" in result.output
    assert "newest" in result.output
    assert "city is pinned: told on the phone" in result.output
    assert "13800138" not in result.output


def test_whole_phones_are_shown_when_asked_for(served: Served) -> None:
    result = told(served, "show", MASTER, "--show-phones")

    assert "+8613800138001" in result.output


def test_programs_get_masked_phones_too(served: Served) -> None:
    result = told(served, "show", MASTER, "--json")

    values = {each["field"]: each for each in json.loads(result.output)["values"]}
    assert values["phone"]["text"] == "138****8001"
    assert values["phone"]["is_masked"] is True


def test_an_earlier_state_is_asked_for_by_age_or_time(
    served: Served, golden_records: _GoldenRecords
) -> None:
    result = told(served, "show", MASTER, "--as-of", "2026-02-07T12:30:00+08:00")

    assert golden_records.asked[-1].as_of.seconds == 1770438600
    assert "an earlier state" in result.output
    assert told(served, "show", MASTER, "--as-of", "soon").exit_code == 2


def test_changes_say_who_when_from_what_to_what_and_where(
    served: Served, golden_records: _GoldenRecords
) -> None:
    result = told(served, "changes", MASTER, "--field", "credit_grade")

    assert golden_records.asked[-1].field == "credit_grade"
    words = next(line for line in result.output.splitlines() if "credit_grade" in line).split()
    assert {"1842", "A", "C", "tickets", "after-sales-3"} <= set(words)
    assert "erased" in result.output
    assert "138****8001" in result.output
    assert "there are more" in result.output


def test_changes_of_all_customers_are_searched(
    served: Served, golden_records: _GoldenRecords
) -> None:
    told(served, "changes", "--actor", "after-sales-3", "--since", "2026-02-07T04:30:00+00:00")

    request = golden_records.asked[-1]
    assert (request.actor, request.since.seconds) == ("after-sales-3", 1770438600)
    assert told(served, "changes", MASTER, "--actor", "x").exit_code == 2


def test_a_value_is_asked_for_where_no_shell_remembers_it(
    served: Served, golden_records: _GoldenRecords
) -> None:
    result = told(served, "pin", MASTER, "city", *BECAUSE, typed="深圳\n")

    request = golden_records.asked[-1]
    assert (request.field, request.text, request.reason) == ("city", "深圳", BECAUSE[1])
    assert "version 4" in result.output


def test_a_locked_field_is_one_line(served: Served) -> None:
    result = told(served, "pin", MASTER, "deal_amount", "--value", "1", *BECAUSE)

    assert result.exit_code == 1
    assert "deal_amount is set by finance only" in result.output


def test_pins_are_released_and_old_values_put_back(
    served: Served, golden_records: _GoldenRecords
) -> None:
    released = told(served, "unpin", MASTER, "city")
    restored = told(served, "restore-value", MASTER, "1842", *BECAUSE)

    assert "version 5" in released.output
    assert "version 6" in restored.output
    assert golden_records.asked[-1].change_id == 1842


def test_the_policy_in_force_is_shown_with_how_far_it_is_followed(served: Served) -> None:
    result = told(served, "policy", "show")

    assert "version 1000, in force, 7 golden records follow" in result.output
    assert "governor-1" in result.output
    assert "version: 1" in result.output


def test_a_preview_counts_and_names_the_version_to_publish_against(
    served: Served, golden_records: _GoldenRecords, rules: str
) -> None:
    result = told(served, "policy", "preview", rules, "--customers", "320")

    assert golden_records.asked[-1].customers_max == 320
    assert "200 customers, 1 would change" in result.stderr
    assert "12 of 320 customers would change; against version 1000" in result.stdout
    assert "city" in result.stdout


def test_rules_are_published_with_a_reason(
    served: Served, golden_records: _GoldenRecords, rules: str
) -> None:
    result = told(served, "policy", "publish", rules, "1000", *BECAUSE)

    request = golden_records.asked[-1]
    assert (request.document, request.base_version) == ("version: 1", 1000)
    assert "version 1001 is in force; 320 records follow" in result.output
    assert told(served, "policy", "publish", f"{rules}.gone", "1000", *BECAUSE).exit_code == 2
