"""What systems say becomes statements, and what cannot be read is told, replayed and audited (ID-05, ID-15, ID-16)."""

from datetime import timedelta

from identity.commands.system_rows import replay, take_in
from identity.domain.crosswalk import SourceRow
from identity.queries import crosswalk as queries

PHONE, OTHER_PHONE = "13800138001", "13800138002"
USCC = "91440300708461136T"
COMPANY = "深圳市示例精密零部件有限公司"


async def three_systems(world):
    await world.hears("crm", "C-1", {"name": "张伟", "phone": PHONE, "company": COMPANY})
    await world.hears(
        "kingdee",
        "K-1",
        {"客户名称": COMPANY, "联系人": "张伟", "手机": PHONE, "统一社会信用代码": USCC},
    )
    await world.hears(
        "tickets",
        "T-1",
        {"客户姓名": "张先生", "客户电话": PHONE, "投诉类型": "质量问题"},
        entity="ticket",
    )


async def test_a_customer_of_three_systems_is_one(world):
    await three_systems(world)

    ids = await world.golden_ids()

    assert set(ids) == {("crm", "C-1"), ("kingdee", "K-1"), ("tickets", "ticket/T-1")}
    assert len(set(ids.values())) == 1


async def test_a_crm_keyed_by_phone_and_an_erp_keyed_by_credit_code_are_wholly_mapped(world):
    for number in range(4):
        phone, name = f"1380013800{number}", ["张伟", "王芳", "李娜", "刘洋"][number]
        await world.hears("crm", phone, {"name": name, "phone": phone})
        await world.hears(
            "kingdee",
            f"9144030070846113{number}",
            {"联系人": name, "手机": phone, "客户名称": f"示例{number}有限公司"},
        )

    report = await queries.mapping_report(world.database, world.desk, system="", missing_max=9)

    by_system = {each.system: each for each in report}
    for system in ("crm", "kingdee"):
        found = by_system[system]
        assert (found.row_count, found.mapped_count, found.joined_count) == (4, 4, 4)
        assert found.missing == ()
    assert by_system["sap"].row_count == 0


async def test_rows_without_a_golden_id_are_named_with_the_reason(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE})
    await world.hears("kingdee", "R-1", {"金额": "1"}, entity="receivable")
    await world.hears("kingdee", "K-2", {"备注": "常客"})
    await world.hears("nobody", "N-1", {"name": "张伟"})

    report = await queries.mapping_report(world.database, world.desk, system="", missing_max=9)

    missing = {
        (system.system, each.key): each.reason for system in report for each in system.missing
    }
    assert missing == {
        ("kingdee", "receivable/R-1"): "unknown_entity",
        ("kingdee", "K-2"): "no_fields",
        ("nobody", "N-1"): "unknown_system",
    }


async def test_a_key_leads_to_the_customer_and_the_customer_to_all_keys(world):
    await three_systems(world)

    found = await queries.look_up(world.database, world.desk, system="kingdee", key="K-1")
    _, sources = await queries.sources_of(
        world.database, world.desk, found.master_id, after=("", 0), limit=9
    )

    assert [(each.system, each.key) for each in sources] == [
        ("crm", "C-1"),
        ("kingdee", "K-1"),
        ("tickets", "ticket/T-1"),
    ]


async def test_text_in_a_date_is_a_failure_with_a_name_and_no_crash(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE, "建档日期": "下周三"})
    await world.hears("kingdee", "K-1", {"手机": PHONE, "建档日期": "还是下周三"})

    failures = await world.rows(
        "select system, entity, field, reason, failure_count, resolved_at from sync_failures"
    )

    assert failures == [("kingdee", "customer", "建档日期", "not_a_date", 2, None)]
    assert "customer_since" not in await world.says("kingdee", "K-1")


async def test_a_failure_is_resolved_when_the_row_comes_right(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE, "建档日期": "下周三"})
    world.clock.passes(minutes=1)

    await world.hears("kingdee", "K-1", {"手机": PHONE, "建档日期": "2026-02-04"})

    assert await world.rows("select resolved_at from sync_failures") == [(world.clock.now,)]
    assert (await world.says("kingdee", "K-1"))["customer_since"] == "2026-02-04"


async def test_failed_rows_are_read_again_by_a_new_map_as_old_as_they_were(world):
    at = world.clock.now
    await world.hears("kingdee", "R-1", {"手机": PHONE, "联系人": "张伟"}, entity="contact")
    await world.hears("kingdee", "K-2", {"手机": OTHER_PHONE})
    world.clock.passes(hours=5)
    desk = with_entity(world.desk, "contact")

    async with world.database.unit_of_work() as uow:
        count, _ = await replay(uow, "kingdee", desk, after=b"")

    assert count == 1
    assert ("kingdee", "contact/R-1") in await world.golden_ids()
    sources = await world.rows("select modified_at from sources order by source_id")
    assert sources == [(at,), (at,)]
    assert await world.rows("select count(*) from sync_failures where resolved_at is null") == [
        (0,)
    ]


def with_entity(desk, entity):
    """The desk with a map that reads one more kind of row as customers are read."""
    from dataclasses import replace

    field_map = desk.systems.maps["kingdee"]
    entities = {**field_map.entities, entity: field_map.entities["customer"]}
    return replace(desk, systems=desk.systems.with_map(replace(field_map, entities=entities)))


async def test_a_deleted_row_leaves_its_customer(world):
    await three_systems(world)

    await world.hears("kingdee", "K-1", {}, is_deleted=True, at=world.clock.passes(minutes=1))

    assert set(await world.golden_ids()) == {("crm", "C-1"), ("tickets", "ticket/T-1")}
    report = await queries.mapping_report(
        world.database, world.desk, system="kingdee", missing_max=9
    )
    assert (report[0].row_count, report[0].missing) == (0, ())


async def test_fields_that_nobody_reads_are_counted(world):
    for key in ("K-1", "K-2"):
        await world.hears("kingdee", key, {"手机": PHONE, "爱好": "钓鱼"})

    view = await queries.system_view(world.database, world.desk, "kingdee")

    assert [(each.field, each.row_count) for each in view.unmapped] == [("爱好", 2)]


async def test_a_map_is_tried_on_rows_that_came_without_changing_anything(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE, "爱好": "钓鱼", "建档日期": "?"})
    document = "{system: kingdee, version: 2, entities: {customer: {fields: {手机: {to: phone}, 爱好: {to: hobby}}}}}"

    trial = await queries.try_map(world.database, world.desk, document, row_max=10)

    assert (trial.row_count, trial.changed_count) == (1, 1)
    assert trial.filled == {"phone": 1, "hobby": 1}
    assert trial.unknown == {"建档日期": 1}


async def test_rows_of_one_batch_may_name_a_source_twice(world):
    early, late = world.clock.now, world.clock.passes(minutes=1)
    rows = [
        SourceRow("kingdee", "customer", "K-1", {"手机": PHONE, "地址": place}, at, late)
        for place, at in (("新址", late), ("旧址", early))
    ]

    async with world.database.unit_of_work() as uow:
        await take_in(uow, rows, world.desk)

    assert (await world.says("kingdee", "K-1"))["address"] == "新址"
    assert await world.rows("select modified_at from system_rows") == [(late,)]


async def test_nothing_that_names_a_person_is_kept_in_the_clear(world):
    await three_systems(world)
    await world.hears("kingdee", PHONE, {"手机": OTHER_PHONE, "建档日期": "张伟说的"})

    for table in ("system_rows", "sync_failures", "write_backs", "unmapped_fields"):
        for row in await world.rows(f"select t::text from {table} t"):
            text = row[0]
            for secret in (PHONE, OTHER_PHONE, "张伟", USCC):
                assert secret not in text
                assert secret.encode().hex() not in text


async def test_a_source_that_is_late_is_counted_by_how_late(world):
    await world.hears(
        "kingdee", "K-1", {"手机": PHONE}, at=world.clock.now - timedelta(minutes=11.7)
    )

    states = await world.rows("select system, last_lag_s, watermark from system_states")

    assert states == [("kingdee", 702.0, world.clock.now - timedelta(minutes=11.7))]
