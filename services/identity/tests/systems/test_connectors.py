"""Connectors against stand-ins that are as difficult as real systems."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from identity.connectors.installed import InvalidDoors, connectors_of
from identity.connectors.json_http import JsonHttpConnector
from identity.connectors.protocol import (
    FieldsLocked,
    SystemAway,
    VersionChanged,
    Write,
    WriteRefused,
)
from identity.connectors.wechat_scrm import WeChatScrmConnector
from identity.policies.systems import load_systems
from leadctl.fakes.erp import FakeErp
from leadctl.fakes.wechat_scrm import FakeWeChatScrm
from servicekit.http_host import HttpHost

SECRET = "made-up-secret"
KEY = UUID(int=7)
AT = datetime(2026, 2, 7, 4, tzinfo=UTC)


@asynccontextmanager
async def connected(fake, connector_class, secret=SECRET, system="kingdee"):
    host = HttpHost("127.0.0.1", 0, fake)
    await host.start()
    connector = connector_class(system, f"http://127.0.0.1:{host.port}", secret)
    await connector.start()
    try:
        yield connector
    finally:
        await connector.stop()
        await host.stop()


def an_erp(**options):
    erp = FakeErp(SECRET, clock=lambda: AT, **options)
    erp.change("客/1", 手机="13800138001")
    return erp


def a_write(idempotency_key=KEY, version="", **fields):
    return Write("客/1", fields, idempotency_key, version)


async def test_what_changed_comes_in_pages_behind_the_last_word():
    erp = an_erp()

    async with connected(erp, JsonHttpConnector) as connector:
        first = await connector.changed_since("")
        erp.change("K2", 手机="13800138002")
        second = await connector.changed_since(first.asked_until)

    assert [(row.key, row.row["手机"], row.modified_at) for row in first.rows] == [
        ("客/1", "13800138001", AT)
    ]
    assert [row.key for row in second.rows] == ["K2"]
    assert not second.has_more


async def test_a_write_is_done_once_however_often_it_is_sent():
    erp = an_erp()

    async with connected(erp, JsonHttpConnector) as connector:
        versions = [await connector.write(a_write(手机="13800138002")) for _ in range(3)]

    assert versions == ["2", "2", "2"]
    assert (erp.written_count, erp.rows["客/1"].fields["手机"]) == (1, "13800138002")


async def test_a_key_of_any_characters_is_signed_as_it_is_sent():
    key, erp = "a:b@c~/1", an_erp()
    erp.change(key, 手机="13800138001")

    async with connected(erp, JsonHttpConnector) as connector:
        await connector.write(Write(key, {"手机": "13800138002"}, KEY, ""))

    assert erp.rows[key].fields["手机"] == "13800138002"


async def test_a_row_that_changed_meanwhile_is_not_overwritten():
    erp = an_erp()

    async with connected(erp, JsonHttpConnector) as connector:
        with pytest.raises(VersionChanged):
            await connector.write(a_write(version="7", 手机="13800138002"))

    assert erp.written_count == 0


async def test_locked_fields_are_named():
    async with connected(an_erp(locked={"手机"}), JsonHttpConnector) as connector:
        with pytest.raises(FieldsLocked) as refused:
            await connector.write(a_write(手机="1", 邮箱="a@example.com"))

    assert refused.value.fields == ("手机",)


async def test_a_system_that_is_busy_says_how_long_to_leave_it_alone():
    async with connected(an_erp(statuses=[429]), JsonHttpConnector) as connector:
        with pytest.raises(SystemAway) as away:
            await connector.changed_since("")

    assert (away.value.code, away.value.retry_after_s) == ("throttled", 1.0)


@pytest.mark.parametrize("status", [500, 503, 401])
async def test_faults_that_may_pass_are_told_from_refusals(status):
    async with connected(an_erp(statuses=[status]), JsonHttpConnector) as connector:
        with pytest.raises(SystemAway):
            await connector.write(a_write(手机="1"))


async def test_a_row_that_is_not_there_is_refused_for_good():
    async with connected(FakeErp(SECRET), JsonHttpConnector) as connector:
        with pytest.raises(WriteRefused, match="status_404"):
            await connector.write(a_write(手机="1"))


async def test_nobody_with_another_secret_is_let_in():
    async with connected(an_erp(), JsonHttpConnector, secret="another") as connector:
        with pytest.raises(SystemAway, match="status_401"):
            await connector.changed_since("")


async def test_nobody_who_answers_is_away():
    connector = JsonHttpConnector("kingdee", "http://127.0.0.1:9", SECRET)
    await connector.start()
    try:
        with pytest.raises(SystemAway):
            await connector.changed_since("")
    finally:
        await connector.stop()


async def test_remarks_of_a_contact_are_set_with_a_token_that_is_kept():
    fake = FakeWeChatScrm("corp", "s", {("ana", "wm1")})
    write = Write("ana/wm1", {"remark": "张伟", "remark_mobiles": "13800138001"}, KEY, "")

    async with connected(fake, WeChatScrmConnector, "corp:s", "wechat") as connector:
        await connector.write(write)
        await connector.write(write)

    assert fake.remarks == {("ana", "wm1"): {"remark": "张伟", "remark_mobiles": ["13800138001"]}}
    assert fake.token_count == 1


async def test_a_token_that_ended_early_is_renewed_once():
    fake = FakeWeChatScrm("corp", "s", {("ana", "wm1")}, codes=[42001])

    async with connected(fake, WeChatScrmConnector, "corp:s", "wechat") as connector:
        await connector.write(Write("ana/wm1", {"remark": "张伟"}, KEY, ""))

    assert fake.token_count == 2


@pytest.mark.parametrize(
    ("codes", "key", "problem"),
    [
        ([45009], "ana/wm1", SystemAway),
        ([], "ana/wm2", WriteRefused),
        ([], "wm1", WriteRefused),
    ],
    ids=["busy", "stranger", "no-member"],
)
async def test_refusals_come_with_status_200_and_are_understood(codes, key, problem):
    fake = FakeWeChatScrm("corp", "s", {("ana", "wm1")}, codes=codes)

    async with connected(fake, WeChatScrmConnector, "corp:s", "wechat") as connector:
        with pytest.raises(problem):
            await connector.write(Write(key, {"remark": "张伟"}, KEY, ""))


def test_a_file_names_the_doors_that_there_are(tmp_path):
    file = tmp_path / "doors.yaml"
    file.write_text("kingdee: {kind: json, base_url: 'http://erp', secret: s}")

    connectors = connectors_of(file, load_systems())

    assert list(connectors) == ["kingdee"]
    assert connectors_of(None, load_systems()) == {}


@pytest.mark.parametrize(
    "content",
    [
        "nobody: {kind: json, base_url: u, secret: s3cret}",
        "kingdee: {kind: x, secret: s3cret}",
        "[",
    ],
    ids=["stranger", "incomplete", "no-yaml"],
)
def test_a_wrong_file_of_doors_is_refused_without_its_secrets(tmp_path, content):
    file = tmp_path / "doors.yaml"
    file.write_text(content)

    with pytest.raises(InvalidDoors) as refused:
        connectors_of(file, load_systems())

    assert "s3cret" not in str(refused.value)
