"""Every channel that is installed, behind the door: its own limits and its own answers, whatever is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lead_intake.channels
import pytest
import yaml
from lead_intake.channels.channel_files import compile_channel
from lead_intake.verifiers import VERIFIERS
from lead_intake.webhooks.handshakes import HANDSHAKES

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(lead_intake.channels.__file__).parent / "installed"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
CASE_OF_KIND = {
    "hub256": "hub256",
    "standard_webhooks": "standard_webhooks",
    "email_gateway": "email_gateway",
    "douyin_sha1": "douyin",
    "jdy_sha1": "jdy",
    "esign": "esign",
    "wx_signature": "wx_plain",
    "wx_biz_msg": "wx_secure",
    "tencent_meeting": "tencent",
    "lark": "lark",
    "wxpay_v3": "wxpay",
    "alipay_rsa2": "alipay",
    "shared_token": "token_path",
    "oauth2_bearer": "oauth2",
}
ODD = {
    "json": (b'{"a":NaN}', b'{"a":1,"a":2}', b'{"a":' * 1000, b'{"a":1'),
    "xml": (b"<xml><a>", b'<!DOCTYPE x [<!ENTITY a "b">]><x><y>&a;</y></x>', b"<a>" * 1000),
}


@dataclass(frozen=True)
class Installed:
    """An installed channel and a case of its kind of proof that stands in for its sender."""

    file: Mapping[str, Any]
    case: Any

    @property
    def rules(self) -> Any:
        """What the door follows."""
        return compile_channel(self.file).door

    def media_type(self) -> str:
        """A media type that the channel takes."""
        types = self.rules.content_types
        return str(types[0]) if types else "application/octet-stream"

    def signed(self, keys: Any, body: bytes | None = None) -> Any:
        """A request of the channel's sender."""
        signed = self.case.sign(body, keys=keys)
        return replace(signed, headers={**signed.headers, "content-type": self.media_type()})


@pytest.fixture(params=NAMES)
def installed(request: pytest.FixtureRequest, cases: Mapping[str, Any]) -> Installed:
    file = yaml.safe_load((FOLDER / f"{request.param}.yaml").read_text("utf-8"))
    rules = compile_channel(file).door
    case = cases[CASE_OF_KIND[rules.verify_kind]]
    is_stranger = case.form != rules.body
    body = BODIES[rules.body] if is_stranger else case.body
    named = {"name": request.param, "options": dict(rules.verify_options), "form": rules.body}
    return Installed(file, replace(case, body=body, **named))


BODIES = {
    "json": b'{"name":"x","phone":"13800138001"}',
    "xml": b"<xml><FromUserName>o1</FromUserName><CreateTime>1</CreateTime></xml>",
    "form": b"name=x&phone=13800138001",
    "email": b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\n\r\n13800138005\r\n",
}


def test_its_proof_and_its_address_check_are_ones_that_exist(installed: Installed) -> None:
    rules = installed.rules

    assert rules.verify_kind in VERIFIERS
    assert rules.handshake is None or rules.handshake in HANDSHAKES
    assert rules.rps is None or rules.burst >= 1


async def test_it_answers_as_its_file_says_and_refuses_what_is_wrong(
    start_door: Any, installed: Installed
) -> None:
    case = installed.case
    async with start_door([{**installed.file, "channel": f"t_{case.name}"[:40]}]) as door:
        case = replace(case, name=f"t_{case.name}"[:40].removeprefix("t_"))
        path = await door.open_account(case)
        sender = await door.sender(case)
        rules, signed = installed.rules, installed.signed(sender)

        async def status_of(each: Any, **more: Any) -> int:
            return int((await door.send(path, each, **more))[0])

        status, body = await door.send(path, signed)
        assert status == rules.ack.status
        assert rules.ack.kind != "fixed" or body == rules.ack.body
        assert len(await door.stored()) == 1

        assert await status_of(replace(signed, raw=b"x" * (rules.body_bytes_max + 1))) == 413
        assert await status_of(signed, more_headers=[("content-encoding", "br")]) == 415
        other_type = replace(signed, headers={**signed.headers, "content-type": "image/png"})
        assert await status_of(other_type) == (415 if rules.content_types else rules.ack.status)
        for odd in ODD.get(rules.body, ()):
            if case.kind != "shared_token" or rules.verify_options.get("in", "path") == "path":
                assert await status_of(installed.signed(sender, odd)) == 422
        if case.covers != "nothing":
            assert await status_of(replace(signed, raw=signed.raw[:-9])) == 401
        refused = await door.send(path, replace(signed, raw=b"x" * (rules.body_bytes_max + 1)))
        assert refused[1] == (rules.refusal.body if rules.refusal else b"")
        assert len(await door.stored()) == 1
