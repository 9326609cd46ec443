"""The shipped model finds the customers of a generated set that it was not estimated on.

Figures have records or pairs of this set as denominator; the floors lie under what was measured, so that a change of
a few records does not fail and a lost rule does.
"""

from __future__ import annotations

from collections import Counter
from math import comb
from random import Random

import pytest
from matchkit.hashing import Hasher
from matchkit.linker import Linker
from matchkit.model import Model
from matchkit.scoring import explain
from matchkit.synthetic import generate
from matchkit.synthetic.records import raw
from matchkit.synthetic.train import MODEL

HASHER = Hasher(b"a made-up secret of the tests")


def statement(**values: str) -> dict[str, str]:
    return values


@pytest.fixture(scope="module")
def model():
    """The model of Chinese business customers as it ships."""
    return Model.load(MODEL)


@pytest.fixture(scope="module")
def records():
    """Some 5,000 records of 3,300 customers, of another seed than the model's."""
    return generate(customers=3_300, seed=77)


def link(model: Model, rows: list[dict[str, str | list[str]]]) -> list[frozenset[int]]:
    linker = Linker(model, HASHER)
    for at, row in enumerate(rows):
        linker.add(at, model.read(row))
    return linker.partition()


def together(model: Model, *rows: dict[str, str]) -> bool:
    return len(link(model, [dict(row) for row in rows])) == 1


def test_customers_are_found_and_not_confused(model, records) -> None:
    parts = link(model, [raw(record) for record in records])

    truth = [record.customer for record in records]
    right = sum(comb(n, 2) for part in parts for n in Counter(truth[at] for at in part).values())
    found = sum(comb(len(part), 2) for part in parts)
    real = sum(comb(n, 2) for n in Counter(truth).values())
    assert right / found > 0.998
    assert right / real > 0.975


def test_the_order_of_coming_leaves_no_trace(model, records) -> None:
    rows = [raw(record) for record in records[:1_200]]
    order = list(range(len(rows)))
    Random(5).shuffle(order)

    shuffled = link(model, [rows[at] for at in order])

    found = {frozenset(order[at] for at in part) for part in shuffled}
    assert found == set(link(model, rows))


@pytest.mark.parametrize("name", ["张卫", "章伟", "张玮", "李伟"])
def test_a_name_of_the_same_sound_with_another_phone_is_another_customer(model, name) -> None:
    zhang_wei = statement(name="张伟", phone="13800138000", company="深圳市华信科技有限公司")
    far = statement(name=name, phone="15900138009", company="深圳市华信科技有限公司")

    assert not together(model, zhang_wei, far)


def test_one_phone_at_two_credit_codes_is_two_customers(model) -> None:
    before = statement(name="张伟", phone="13800138000", uscc="91440300708461136T")
    after = statement(name="张伟", phone="13800138000", uscc="91110108551385082Q")

    assert not together(model, before, after)


def test_a_person_who_changed_firms_is_not_merged_by_name_and_phone(model) -> None:
    before = statement(name="欧阳娜娜", phone="13800138000", company="深圳市华信科技有限公司")
    after = statement(name="欧阳娜娜", phone="13800138000", company="上海宏远贸易有限公司")

    assert not together(model, before, after)


def test_a_masked_number_and_a_name_do_not_make_a_customer(model) -> None:
    full = statement(name="欧阳娜娜", phone="13800138000", city="深圳")
    masked = statement(name="欧阳娜娜", masked_phone="138****8000", city="深圳市")

    assert not together(model, full, masked)


def test_a_mistyped_digit_does_not_part_a_customer(model) -> None:
    right = statement(name="张伟", phone="13800138000", company="华信科技")
    wrong = statement(name="张总", phone="13800138001", company="深圳市华信科技有限公司")

    assert together(model, right, wrong)


def test_a_romanised_name_meets_the_chinese_one(model) -> None:
    han = statement(name="張偉", phone="13800138000")
    latin = statement(name="Wei Zhang", phone="+86 138-0013-8000")

    assert together(model, han, latin)


def test_a_surname_at_a_firm_is_its_bearer_unless_the_surname_is_common(model) -> None:
    firm = "深圳市华信科技有限公司"
    rare = [statement(name=name, company=firm) for name in ("阮伟", "阮先生")]
    sixth = [statement(name=name, company=firm) for name in ("杨伟", "杨先生")]
    common = [statement(name=name, company=firm) for name in ("张伟", "张先生")]

    assert together(model, *rare)
    assert together(model, *sixth)
    assert not together(model, *common)


@pytest.mark.parametrize(
    "account",
    [
        {"email": "zhang.wei@huaxin.example"},
        {"email": "weizhang88@qq.com"},
        {"wechat": "zhangwei_1988"},
    ],
    ids=lambda account: next(iter(account)),
)
def test_an_account_that_spells_the_name_tells_more_than_the_surname(model, account) -> None:
    firm = "深圳市华信科技有限公司"
    full = statement(name="张伟", phone="0755-26000001", company=firm)
    partial = statement(name="张先生", company=firm, **account)

    assert together(model, full, partial)


@pytest.mark.parametrize("mailbox", ["zhang.fang", "sales", "li.wei", "zhangzong"])
def test_an_account_that_spells_something_else_does_not_name_a_common_surname(
    model, mailbox
) -> None:
    firm = "深圳市华信科技有限公司"
    full = statement(name="张伟", phone="0755-26000001", company=firm)
    partial = statement(name="张先生", company=firm, email=f"{mailbox}@qq.com")

    assert not together(model, full, partial)


def test_an_account_under_another_given_name_leaves_a_rare_surname_to_a_clerk(model) -> None:
    firm = "深圳市华信科技有限公司"
    full = statement(name="阮伟", company=firm)
    other = statement(name="阮先生", company=firm, wechat="ruanfangfang")

    assert not together(model, full, other)


def test_a_mailbox_that_two_records_have_names_nobody_by_its_letters(model) -> None:
    mailbox = "zhang.wei@huaxin.example"
    full = model.read(statement(name="张伟", email=mailbox))
    partial = model.read(statement(name="张先生", email=mailbox))

    name = explain(model, full, partial).fields[0]
    assert (name.field, name.level) == ("name", "common_surname")


def test_the_domain_of_the_mail_tells_the_firm(model) -> None:
    trading = statement(
        name="欧阳娜娜", phone="13800138000", company="优巨", email="nana@huaxin-tech.example"
    )
    registered = statement(name="欧阳娜娜", phone="13800138000", company="深圳市华信科技有限公司")

    assert together(model, trading, registered)
    assert not together(model, {**trading, "email": "nana@163.com"}, registered)


def test_a_city_makes_no_other_customer_of_a_person_who_names_no_firm(model) -> None:
    one = statement(name="欧阳娜娜", phone="13800138000", city="深圳", company="华信科技")
    far = statement(name="欧阳娜娜", phone="13800138000", city="上海")

    assert together(model, one, far)


def test_colleagues_at_one_switchboard_stay_apart(model) -> None:
    one = statement(name="张伟", phone="0755-26000001", company="深圳市华信科技有限公司")
    other = statement(name="李娜", phone="0755-26000001", company="深圳市华信科技有限公司")

    assert not together(model, one, other)


def test_a_sellers_own_phone_joins_nobody(model) -> None:
    names = ["张伟", "王芳", "李娜", "刘洋", "陈杰", "杨敏", "赵磊", "黄静"]
    rows = [statement(name=name, phone="13800138000") for name in names]

    assert len(link(model, [dict(row) for row in rows])) == len(names)
