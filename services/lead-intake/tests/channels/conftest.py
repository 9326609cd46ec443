"""What the tests of channels share: the keys that each kind of sender holds, and accounts that know them."""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from lead_intake.accounts import Secrets
from lead_intake.domain.leads import AccountId
from lead_intake.seals import Seals
from lead_intake.store import accounts as account_rows
from leadchain.intake.v1 import channels_service_pb2 as pb
from leadchain.intake.v1.channels_service_pb2_grpc import ChannelsServiceStub
from leadctl.fakes.signing import SenderKeys, Signed, sign
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lead_intake.channels.channel_files import ChannelFile

SIGNING = "whsec_" + base64.b64encode(b"a sender's secret of these tests").decode()
TOKEN = "TokenOfTheseTests01"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
API_KEY = "0123456789abcdef0123456789abcdef"


@cache
def vendor_key() -> rsa.RSAPrivateKey:
    """A vendor's private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def keys_for(kind: str) -> SenderKeys:
    """What the sender of a verifier kind holds."""
    special = {
        "wx_biz_msg": lambda: SenderKeys(TOKEN, AES_KEY, identity={"receive_id": "corp0001"}),
        "wx_signature": lambda: SenderKeys(TOKEN),
        "lark": lambda: SenderKeys(encryption=AES_KEY),
        "wxpay_v3": lambda: SenderKeys(
            encryption=API_KEY, private_key=vendor_key(), serial="5157F09EFDC0"
        ),
        "alipay_rsa2": lambda: SenderKeys(private_key=vendor_key(), serial="alipay"),
        "esign": lambda: SenderKeys(SIGNING, identity={"app_id": "7438000001"}),
    }
    return special.get(kind, lambda: SenderKeys(SIGNING))()


def kept_secrets(kind: str) -> Secrets:
    """The same as an account keeps it; where bodies are fetched, with a token for that."""
    keys = keys_for(kind)
    return Secrets(
        signing=(keys.signing,) if keys.signing else (),
        encryption=(keys.encryption,) if keys.encryption else (),
        identity=dict(keys.identity),
        public_keys=keys.public_pem(),
        access_token="access-token-of-this-test" if kind == "hub256" else "",
    )


def sent(file: ChannelFile, body: bytes, keys: SenderKeys, *, at_s: float) -> Signed:
    """The request that the channel's sender makes of an opened body."""
    kind = file.door.verify_kind
    if kind == "wxpay_v3":
        body = json.dumps(json.loads(body)["resource"]).encode()
    return sign(kind, body, keys, at_s=at_s, options=file.door.verify_options)


class Doors:
    """Opens accounts by their rows, without an operator's approvals."""

    def __init__(self, settings: Any) -> None:
        self._seals = Seals.of(settings)

    async def open(self, rows: Any, file: ChannelFile, account: str, *, template: str = "") -> str:
        """The path of a new account that is served by a channel or one of its templates."""
        key, channel = secrets.token_urlsafe(24), file.channel
        kept = msgspec.json.encode(kept_secrets(file.door.verify_kind))
        row = account_rows.SealedAccount(
            account_id=AccountId(0),
            channel=channel,
            account=account,
            key_hmac=self._seals.account_keys.of(key),
            sealed_secrets=self._seals.seal_secrets(kept, channel, account),
            is_lead_channel=file.is_lead_channel,
            template=template,
        )
        await account_rows.put(rows, row, sealed_key=self._seals.seal_key(key, channel, account))
        return f"/in/v1/{channel}/{key}"

    async def served(self, http: Any, path: str) -> None:
        """Returns when the service knows the account of a path, and with it those that were opened before."""

        async def is_known() -> bool:
            async with http.post(path, data=b"") as answer:
                return bool(answer.status != 404)

        await eventually(is_known, what="the account is known")


@pytest.fixture
def doors(intake_settings: Callable[..., Any]) -> Doors:
    return Doors(intake_settings())


@dataclass(frozen=True)
class Asked:
    """A running lead-intake and what operators ask of its channels."""

    intake: Any
    stub: Any
    metadata: Any
    port: int

    async def channels(self) -> dict[str, pb.Channel]:
        """Every channel by name."""
        answer = await self.stub.ListChannels(
            pb.ListChannelsRequest(), metadata=self.metadata, timeout=20
        )
        return {each.channel: each for each in answer.channels}

    async def test(self, channel: str, *bodies: bytes, **named: Any) -> pb.TestMappingResponse:
        """What a mapping makes of bodies."""
        request = pb.TestMappingRequest(channel=channel, bodies=bodies, **named)
        answer: pb.TestMappingResponse = await self.stub.TestMapping(
            request, metadata=self.metadata, timeout=20
        )
        return answer


@asynccontextmanager
async def asking(intake: Any, token: str) -> AsyncIterator[Asked]:
    """An operator with this token."""
    metadata = grpc.aio.Metadata(("authorization", f"Bearer {token}"))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{intake.grpc_port}") as channel:
        yield Asked(intake, ChannelsServiceStub(channel), metadata, intake.grpc_port)


@pytest.fixture
async def asked(intake: Any, keys: Any) -> AsyncIterator[Asked]:
    async with asking(intake, keys.token("operator")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def shared_asked(shared_intake: Any, lasting_keys: Any) -> AsyncIterator[Asked]:
    """The same at the module's lead-intake, with accounts of this test's own."""
    async with asking(shared_intake, lasting_keys.token("operator")) as found:
        yield found


@pytest.fixture
def senders() -> Any:
    """Keys and requests of every kind of sender."""
    return _Senders


class _Senders:
    keys_for = staticmethod(keys_for)
    sent = staticmethod(sent)
