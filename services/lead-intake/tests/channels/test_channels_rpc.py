"""Operators ask which channels there are, how far their accounts are read, and what a mapping makes of a body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import pytest
import pytest_asyncio
from lead_intake.channels.shipped_samples import load_samples
from leadctl.channels import channels_app
from leadctl.testing import CliRunner

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def asked(shared_asked: Any) -> Any:
    return shared_asked


def form(**fields: Any) -> bytes:
    return msgspec.json.encode({"fields": fields, "page": {"colour": "red"}, "surprise": {"a": 1}})


async def test_a_body_is_tried_without_being_kept_and_shown_masked(asked: Any) -> None:
    answer = await asked.test(
        "website_form",
        form(mobile="(138)00138001", name="赵六"),
        b"{",
        account=f"{asked.intake.own}main",
    )

    good, broken = answer.bodies
    (item,) = good.items
    values = {each.name: each.value for each in item.values}
    assert (item.state, values["phone_e164"], values["name"]) == (
        "accepted", "138****8001", "赵***",
    )  # fmt: skip
    assert list(good.unread_keys) == ["page.colour", "surprise"]
    assert [(each.state, each.reason) for each in broken.items] == [("quarantined", "undecodable")]
    assert await asked.intake.items() == []
    assert "13800138001" not in str(answer)


@pytest.mark.parametrize("name", ["facebook_leadgen", "ocean_engine_feiyu"])
async def test_samples_that_ship_are_tried_when_no_body_is_given(asked: Any, name: str) -> None:
    answer = await asked.test(name)

    assert [each.name for each in answer.bodies] == [each.name for each in load_samples()[name]]
    assert [list(each.differences) for each in answer.bodies] == [[] for _ in answer.bodies]


async def test_a_template_reads_what_its_channel_does_not(asked: Any) -> None:
    body = msgspec.json.encode({"id": "7", "address": {"phone": "13800138000"}})

    plain = await asked.test("ocean_engine_feiyu", body)
    moved = await asked.test("ocean_engine_feiyu", body, template="feiyu_nested_address")

    assert [plain.bodies[0].items[0].state, moved.bodies[0].items[0].state] == [
        "quarantined", "accepted",
    ]  # fmt: skip
    assert list(plain.bodies[0].unread_keys) == ["address.phone"]
    assert list(moved.bodies[0].unread_keys) == []


async def test_the_command_finds_that_every_shipped_sample_reads_as_it_says(
    asked: Any, lasting_keys: Any, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(lasting_keys.token("operator"))
    command = ["test", f"--target=lead-intake=127.0.0.1:{asked.port}", f"--token-file={token}"]

    shown = await asyncio.to_thread(CliRunner().invoke, channels_app, command)

    rows = [line.split() for line in shown.output.splitlines()[1:]]
    assert {row[0] for row in rows} == set(load_samples())
    assert {row[-1] for row in rows} == {"-"}
    assert shown.exit_code == 0


async def test_what_is_fetched_is_read_by_its_own_rules(asked: Any) -> None:
    fetched = msgspec.json.encode(
        {"field_data": [{"name": "phone_number", "values": ["13800138002"]}], "odd": 1}
    )

    answer = await asked.test("facebook_leadgen", fetched, are_fetched=True)

    (body,) = answer.bodies
    assert [item.state for item in body.items] == ["accepted"]
    assert list(body.unread_keys) == ["odd"]


@pytest.mark.parametrize(
    ("channel", "named", "code"),
    [
        ("nowhere", {}, grpc.StatusCode.NOT_FOUND),
        ("website_form", {"template": "baidu_chat"}, grpc.StatusCode.NOT_FOUND),
        ("website_form", {"account": "nobody"}, grpc.StatusCode.NOT_FOUND),
        ("website_form", {"bodies": [b"{}"] * 11}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=["channel", "template", "account", "bodies"],
)
async def test_what_is_not_there_is_not_tried(
    asked: Any, channel: str, named: dict[str, Any], code: grpc.StatusCode
) -> None:
    bodies = named.pop("bodies", [])

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked.test(channel, *bodies, **named)

    assert refused.value.code() is code
