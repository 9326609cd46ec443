"""Forms in the whole service: from the page to the lead, and under a policy that asks for approvals."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from accesskit.changes import PolicyPut
from accesskit.testing.stand_in import APPROVED
from leadchain.intake.v1 import forms_service_pb2 as pb
from leadchain.intake.v1.forms_service_pb2_grpc import FormsServiceStub
from leadctl.__main__ import app
from leadctl.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from typer.testing import Result

VISITOR = {"/name": "赵六", "/mobile": "13800138004", "_consent": "yes"}


class Whole:
    """The whole service, and its RPCs about forms as an operator calls them."""

    def __init__(self, intake: Any, port: int, stub: Any, token: str) -> None:
        self.intake = intake
        self._port = port
        self._token = token
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def ask(self, name: str, request: Any) -> Any:
        """Calls an RPC."""
        return await getattr(self._stub, name)(request, metadata=self._metadata, timeout=20)

    async def command(self, folder: Path, *words: str) -> Result:
        """Runs `leadctl forms`; its end."""
        token_file = folder / "token"
        token_file.write_text(self._token)
        options = [f"--target=lead-intake=127.0.0.1:{self._port}", f"--token-file={token_file}"]
        command = ["forms", *words, *options]
        return await asyncio.to_thread(CliRunner().invoke, app, command)

    async def put(self) -> str:
        """Creates the form; its path."""
        put = pb.PutFormRequest(form="order", channel="website_form", account="main")
        return str((await self.ask("PutForm", put)).path)

    async def publish(self, document: dict[str, Any], approval_id: str = "") -> Any:
        """Publishes the first version."""
        request = pb.PublishFormRequest(
            form="order",
            document=json.dumps(document),
            version=1,
            approval_id=approval_id,
            idempotency_key="k",
        )
        return await self.ask("PublishForm", request)


@pytest.fixture
async def whole(start_intake: Any, keys: Any, unused_tcp_port_factory: Any) -> AsyncIterator[Whole]:
    port = unused_tcp_port_factory()
    async with (
        start_intake(grpc_port=port) as intake,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Whole(intake, port, FormsServiceStub(channel), keys.token("operator"))


async def sent(whole: Whole, path: str, **named: str) -> None:
    async with whole.intake.http.get(path) as page:
        token = (await page.text()).partition('name="_token" value="')[2].partition('"')[0]
    data = {**VISITOR, "_token": token, **named}
    async with whole.intake.http.post(path, data=data, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_filled_page_is_a_lead_and_a_trapped_one_is_rejected_as_spam(
    whole: Whole, make_document: Any
) -> None:
    path = await whole.put()
    await whole.publish(make_document())

    await sent(whole, path)
    await sent(whole, path, _website="http://spam.example")

    items = await whole.intake.settled(2)
    assert [(item["state"], item["reason"]) for item in items] == [(2, None), (3, "spam")]
    assert items[0]["channel"] == "website_form"


async def test_publishing_needs_an_approval_of_this_very_document(
    whole: Whole, make_document: Any, permissions: Any
) -> None:
    await whole.put()
    await permissions.apply([PolicyPut(2, APPROVED, "live")])

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await whole.publish(make_document())
    published = await whole.publish(make_document(), "approved-1")

    assert "approval_required" in (refused.value.details() or "")
    assert (published.version, published.is_canary) == (1, False)
    deed = permissions.used["approved-1"].deed
    assert (deed.action, deed.resource.type, deed.resource.id) == ("publish", "mapping", "order")
    assert json.loads(deed.params_json).keys() == {"version", "sha256"}


async def test_the_command_line_finds_what_a_required_hs_code_breaks_and_publishes_the_fix(
    whole: Whole, make_document: Any, tmp_path: Path
) -> None:
    path = await whole.put()
    document = make_document()
    await whole.publish(document)
    await sent(whole, path)
    broken = copy.deepcopy(document)
    broken["schema"]["properties"]["hs_code"] = {"type": "string"}
    broken["schema"]["required"].append("hs_code")
    fixed = copy.deepcopy(document)
    fixed["schema"]["properties"]["hs_code"] = {"type": "string"}
    fixed["schema"]["properties"]["category"]["enum"].append("电子配件")
    fixed["schema"]["if"] = {
        "properties": {"category": {"const": "电子配件"}},
        "required": ["category"],
    }
    fixed["schema"]["then"] = {"required": ["hs_code"]}
    files = {"broken": tmp_path / "broken.json", "fixed": tmp_path / "fixed.json"}
    files["broken"].write_text(json.dumps(broken))
    files["fixed"].write_text(json.dumps(fixed))

    refused = await whole.command(tmp_path, "check", str(files["broken"]), "--form", "order")
    passed = await whole.command(tmp_path, "check", str(files["fixed"]), "--form", "order")
    published = await whole.command(
        tmp_path, "publish", str(files["fixed"]), "--form", "order", "--version", "2"
    )
    listed = await whole.command(tmp_path, "list")

    assert refused.exit_code == 1
    assert "/hs_code  required_added" in refused.output
    assert passed.exit_code == 0, passed.output
    assert "version 2 is on trial" in published.output
    assert "version 2 on trial for 5 %" in listed.output
