"""Senders of lead-intake's sample files: each posts one sample to an account of its own, proved as its vendor does."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from leadchain.intake.v1.intake_service_pb2 import PutAccountRequest

from leadctl.fakes.signing import SenderKeys, sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from leadctl.fakes.signing import Signed

SIGNING: Final = "whsec_" + base64.b64encode(b"the secret of a made-up sender").decode()
AES_KEY: Final = base64.b64encode(bytes(range(32))).decode().rstrip("=")
API_KEY: Final = "0123456789abcdef0123456789abcdef"
TOKEN: Final = "TokenOfMadeUpSender"  # noqa: S105 - made up
RECEIVER: Final = "corp0001"

Document = dict[str, Any]


@dataclass(frozen=True)
class SampleSender:
    """One sender: its account's name, its channel's file, the template's (empty for none), and what it sends."""

    account: str
    channel: Document
    template: Document
    sample: Document

    @property
    def channel_name(self) -> str:
        """Its channel."""
        return str(self.channel["channel"])

    @property
    def kind(self) -> str:
        """How its deliveries are proved, such as `hub256`."""
        verify = self.channel["verify"]
        return str(verify if isinstance(verify, str) else verify["kind"])

    @property
    def facts(self) -> str:
        """What its items are, such as lead, contract, ticket or account."""
        return str(self.channel.get("facts", "lead"))

    @property
    def version(self) -> int:
        """Version of the mapping that reads it."""
        return int((self.template or self.channel)["version"])

    @property
    def expected(self) -> list[Document]:
        """What must come of each item."""
        items: list[Document] = self.sample["expect"]
        return items

    @property
    def body(self) -> bytes:
        """What it sends, before it is sealed."""
        if "form" in self.sample:
            return urlencode(self.sample["form"]).encode()
        if "xml" in self.sample:
            return str(self.sample["xml"]).encode()
        if "email" in self.sample:
            message = str(self.sample["email"]).replace("\n", "\r\n")
            return message.encode(self.sample.get("charset", "utf-8"))
        return json.dumps(self.sample["body"], ensure_ascii=False).encode()

    def signed(self, keys: SenderKeys, *, at_s: float) -> Signed:
        """The request that it makes at a time in epoch seconds."""
        verify = self.channel["verify"]
        body = self.body
        if self.kind == "wxpay_v3":
            body = json.dumps(self.sample["body"]["resource"]).encode()
        options = {} if isinstance(verify, str) else verify
        return sign(self.kind, body, keys, at_s=at_s, options=options)

    def new_account(self) -> PutAccountRequest:
        """The account that lets it in."""
        keys = keys_for(self.kind)
        return PutAccountRequest(
            channel=self.channel_name,
            account=self.account,
            template=self.template.get("template", ""),
            secrets=[keys.signing] if keys.signing else [],
            encryption_keys=[keys.encryption] if keys.encryption else [],
            identity=keys.identity,
            public_keys=keys.public_pem(),
            verify_token="made-up-verify-token" if self.kind == "hub256" else "",
            access_token="made-up-access-token" if self.kind == "hub256" else "",
        )


def documents(folder: Path) -> dict[str, Any]:
    """Every YAML file of a folder by its name."""
    files = sorted(folder.glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def sample_senders(folder: Path) -> Iterator[SampleSender]:
    """A sender for each channel and template below `folder`, with its first sample of which everything is accepted.

    Channels without such a sample have none.
    """
    channels, templates = documents(folder / "installed"), documents(folder / "templates")
    for name, samples in documents(folder / "samples").items():
        template = templates.get(name, {})
        channel = channels[template.get("channel", name)]
        for sample in list(filter(_is_accepted, samples))[:1]:
            yield SampleSender(name, channel, template, sample)


def keys_for(kind: str) -> SenderKeys:
    """What the sender of a verifier kind holds; made up, and the same in one process."""
    special: Mapping[str, dict[str, Any]] = {
        "wx_biz_msg": {
            "signing": TOKEN, "encryption": AES_KEY, "identity": {"receive_id": RECEIVER},
        },
        "wx_signature": {"signing": TOKEN},
        "lark": {"encryption": AES_KEY},
        "wxpay_v3": {
            "encryption": API_KEY, "private_key": _vendor_key(), "serial": "5157F09EFDC0",
        },
        "alipay_rsa2": {"private_key": _vendor_key(), "serial": "alipay"},
        "esign": {"signing": SIGNING, "identity": {"app_id": "7438000001"}},
    }  # fmt: skip
    return SenderKeys(**special.get(kind, {"signing": SIGNING}))


@cache
def _vendor_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _is_accepted(sample: Document) -> bool:
    states = {each["state"] for each in sample["expect"]}
    return states == {"accepted"} and not sample.get("pulled")
