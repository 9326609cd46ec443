"""`leadctl identity crosswalk`, `freshness` and their neighbours against services that say what a test wants."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadchain.identity.v1 import crosswalk_service_pb2 as crosswalk_pb
from leadchain.identity.v1 import crosswalk_service_pb2_grpc as crosswalk_grpc
from leadchain.identity.v1 import freshness_service_pb2 as freshness_pb
from leadchain.identity.v1 import freshness_service_pb2_grpc as freshness_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import NotFound
from typer.testing import Result

GOLDEN = "a" * 64
MASTER = "CID-20260207-000001"


@dataclass
class _Crosswalk(crosswalk_grpc.CrosswalkServiceServicer):
    mapped_count: int = 4
    misfits: list[crosswalk_pb.FieldTrial] = field(default_factory=list)

    async def LookUpKey(self, request, _context):
        if request.key != "K-1":
            raise NotFound("no such row")
        source = crosswalk_pb.MappedSource(system=request.system, key=request.key)
        return crosswalk_pb.LookUpKeyResponse(golden_id=GOLDEN, master_id=MASTER, source=source)

    async def ListSources(self, _request, _context):
        source = crosswalk_pb.MappedSource(system="crm", key="13800138001")
        return crosswalk_pb.ListSourcesResponse(
            golden_id=GOLDEN, master_id=MASTER, sources=[source]
        )

    async def GetMappingReport(self, _request, _context):
        missing = [crosswalk_pb.MissingRow(entity="order", key="O-1", reason="unknown_entity")]
        unmapped = [crosswalk_pb.Unmapped(reason="unknown_entity", row_count=1)]
        is_whole = self.mapped_count == 4
        mapping = crosswalk_pb.SystemMapping(
            system="kingdee",
            row_count=4,
            mapped_count=self.mapped_count,
            joined_count=3,
            unmapped=[] if is_whole else unmapped,
            missing=[] if is_whole else missing,
        )
        return crosswalk_pb.GetMappingReportResponse(systems=[mapping])

    async def GetFieldMap(self, request, _context):
        fields = [
            crosswalk_pb.FieldMapping(
                entity="customer", field="应收余额", canonical="credit_limit", kind="amount"
            ),
            crosswalk_pb.FieldMapping(
                entity="ticket", field="投诉类型", canonical="service_risk", words={"质量": "高"}
            ),
        ]
        unmapped = [crosswalk_pb.UnmappedField(entity="customer", field="爱好", row_count=17)]
        return crosswalk_pb.GetFieldMapResponse(
            system=request.system, label_zh="金蝶", version=1, fields=fields, unmapped=unmapped
        )

    async def CheckFieldMap(self, request, _context):
        return crosswalk_pb.CheckFieldMapResponse(
            system=request.document, row_count=9, changed_row_count=2, misfits=self.misfits
        )


@dataclass
class _Freshness(freshness_grpc.FreshnessServiceServicer):
    is_overdue: bool = False
    open_count: int = 0
    asked: list[object] = field(default_factory=list)

    async def GetFreshness(self, _request, _context):
        board = freshness_pb.Freshness(
            system="kingdee", label_zh="金蝶", lag_p50_s=0.8, lag_p95_s=702, delay_s=7201,
            delay_max_s=7200, is_overdue=self.is_overdue, fact_count=12,
        )  # fmt: skip
        return freshness_pb.GetFreshnessResponse(systems=[board])

    async def AuditSync(self, request, _context):
        self.asked.append(request)
        total = freshness_pb.SyncFailureSum(
            system="kingdee", entity="customer", field="建档日期", reason="not_a_date",
            row_count=3, open_count=self.open_count,
        )  # fmt: skip
        return freshness_pb.AuditSyncResponse(sums=[total])

    async def ReplayFailures(self, request, _context):
        self.asked.append(request)
        return freshness_pb.ReplayFailuresResponse(row_count=3, open_failure_count=1)

    async def ListConflicts(self, request, _context):
        self.asked.append(request)
        write = freshness_pb.WriteBack(
            write_back_id=7, golden_id=GOLDEN, system="kingdee", fields=["phone"], winners=["crm"],
            state=freshness_pb.WRITE_BACK_STATE_REFUSED, reason="locked", attempt_count=1,
        )  # fmt: skip
        return freshness_pb.ListConflictsResponse(conflicts=[write])

    async def RetryWriteBack(self, request, _context):
        self.asked.append(request)
        return freshness_pb.RetryWriteBackResponse()

    async def ListDifferences(self, request, _context):
        parties = [
            freshness_pb.Party(system="crm", number=1, stands=True),
            freshness_pb.Party(system="sap", number=2),
        ]
        difference = freshness_pb.FieldDifference(golden_id=GOLDEN, field="phone", parties=parties)
        return freshness_pb.ListDifferencesResponse(
            night=request.night or "2026-02-08",
            customer_count=2,
            difference_count=1,
            differences=[difference],
        )


@dataclass
class There:
    """An identity that says what a test wants, and the commands that ask it."""

    served: Served
    crosswalk: _Crosswalk
    freshness: _Freshness

    def run(self, *command: str) -> Result:
        """The end of a command."""
        return CliRunner().invoke(app, ["identity", *command, *self.served.options("identity")])


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    crosswalk, freshness = _Crosswalk(), _Freshness()
    servicers = (
        (
            crosswalk_grpc.add_CrosswalkServiceServicer_to_server,
            crosswalk,
            "leadchain.identity.v1.CrosswalkService",
        ),
        (
            freshness_grpc.add_FreshnessServiceServicer_to_server,
            freshness,
            "leadchain.identity.v1.FreshnessService",
        ),
    )
    with serving(tmp_path_factory.mktemp("systems"), *servicers) as served:
        yield There(served, crosswalk, freshness)


def test_a_key_leads_to_its_customer(there):
    result = there.run("crosswalk", "lookup", "kingdee", "K-1")

    assert result.exit_code == 0
    assert MASTER in result.stdout
    assert GOLDEN in result.stdout


def test_an_unknown_key_is_one_line_and_one(there):
    result = there.run("crosswalk", "lookup", "kingdee", "K-2")

    assert result.exit_code == 1
    assert "does not know it" in result.stderr


def test_keys_that_are_phones_are_masked(there):
    result = there.run("crosswalk", "sources", MASTER)

    assert "138****8001" in result.stdout
    assert "13800138001" not in result.stdout


def test_a_whole_mapping_is_a_hundred_percent(there):
    there.crosswalk.mapped_count = 4

    result = there.run("crosswalk", "report")

    assert result.exit_code == 0
    assert "100.0 %" in result.stdout


def test_rows_without_a_golden_id_are_named_and_end_the_report_with_one(there):
    there.crosswalk.mapped_count = 3

    result = there.run("crosswalk", "report")

    assert result.exit_code == 1
    assert "75.0 %" in result.stdout
    assert "O-1" in result.stdout
    assert "unknown_entity" in result.stdout


def test_a_field_map_is_shown_with_its_words_and_what_nobody_reads(there):
    result = there.run("crosswalk", "map", "kingdee")

    for shown in ("应收余额", "credit_limit", "质量 → 高", "爱好", "17"):
        assert shown in result.stdout


@pytest.mark.parametrize(("misfits", "code"), [([], 0), (["x"], 1)], ids=["clean", "misfit"])
def test_a_map_that_cannot_read_everything_ends_with_one(there, tmp_path: Path, misfits, code):
    there.crosswalk.misfits = [
        crosswalk_pb.FieldTrial(field=name, reason="not_a_date", row_count=2) for name in misfits
    ]
    file = tmp_path / "map.yaml"
    file.write_text("kingdee")

    result = there.run("crosswalk", "check-map", str(file))

    assert result.exit_code == code
    assert "2 of 9 rows would be read otherwise" in result.stdout


def test_a_map_that_is_no_file_is_a_wrong_argument(there, tmp_path: Path):
    assert there.run("crosswalk", "check-map", str(tmp_path / "none")).exit_code == 2


@pytest.mark.parametrize(("is_overdue", "code"), [(False, 0), (True, 1)], ids=["fresh", "late"])
def test_the_board_ends_with_one_when_a_system_is_late(there, is_overdue, code):
    there.freshness.is_overdue = is_overdue

    result = there.run("freshness")

    assert result.exit_code == code
    for shown in ("kingdee 金蝶", "2.0 h", "0.8 s", "12 min"):
        assert shown in result.stdout


def test_the_board_is_json_for_programs(there):
    there.freshness.is_overdue = False

    result = there.run("freshness", "--json")

    assert json.loads(result.stdout)["systems"][0]["lag_p95_s"] == 702


def test_the_audit_of_the_last_month_ends_with_one_while_something_cannot_be_read(there):
    there.freshness.open_count = 2

    result = there.run("sync-audit", "--system", "kingdee")

    assert result.exit_code == 1
    assert "not_a_date" in result.stdout
    asked = there.freshness.asked[-1]
    age = datetime.now(UTC) - asked.since.ToDatetime(tzinfo=UTC)
    assert (asked.system, age.days) == ("kingdee", 30)


def test_failed_rows_are_read_again(there):
    result = there.run("replay-failures", "kingdee")

    assert "3 rows read again, 1 failures are left" in result.stdout


def test_conflicts_name_the_winner_and_no_value(there):
    result = there.run("conflicts")

    for shown in ("kingdee", "phone", "crm", "refused", "locked"):
        assert shown in result.stdout


def test_a_refused_write_is_tried_again(there):
    result = there.run("retry-write", "7")

    assert result.exit_code == 0
    assert there.freshness.asked[-1].write_back_id == 7


def test_differences_say_who_says_what_stands(there):
    result = there.run("differences", "--night", "2026-02-08")

    assert "night of 2026-02-08: 1 differences among 2 customers" in result.stdout
    assert "sap (2)" in result.stdout
