"""What the door's tests share: one channel for each verifier kind, a sender of each, and a door that knows them all."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
import asyncpg
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from lead_intake.accounts import Accounts, Secrets
from lead_intake.channels.channel_files import compile_channel
from lead_intake.domain.leads import AccountId
from lead_intake.seals import Seals
from lead_intake.settings import Settings
from lead_intake.store import accounts as account_rows
from lead_intake.verifiers.protocol import Envelope
from lead_intake.webhooks import oauth2
from lead_intake.webhooks.door import Door
from lead_intake.webhooks.routes import Routes
from lead_intake.workers.group_commit import GroupCommit
from leadctl.fakes.signing import FORM, JSON, MESSAGE, XML, SenderKeys, Signed, sign
from servicekit.database import Database
from servicekit.http_host import HttpHost
from servicekit.polling import Poller
from servicekit.testing.databases import drop_database
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from lead_intake.channels.channel_files import ChannelFile
    from servicekit.testing.databases import Migrated
    from servicekit.testing.servers import TestPostgres

LEAD = json.dumps(
    {"event": "lead", "name": "示例", "phone": "13800138001", "id": 2**60, "rate": 1.5},
    ensure_ascii=False,
).encode()
LEAD_XML = (
    b"<xml><ToUserName><![CDATA[gh_0]]></ToUserName><FromUserName>o1</FromUserName>"
    b"<CreateTime>1769328000</CreateTime><Content>13800138001</Content></xml>"
)
TRADE = urlencode(
    {"app_id": "2021000000000000", "notify_id": "n1", "total_amount": "0.10", "subject": "示例 +%&"}
).encode()
MAIL = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\n\r\n13800138005\r\n"


@cache
def rsa_key(owner: str) -> rsa.RSAPrivateKey:
    """A private key of its owner, made once."""
    assert owner
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def keys_of(owner: str) -> SenderKeys:
    """Made-up keys that serve every kind of proof; another owner has others."""
    digest = hashlib.sha256(owner.encode()).digest()
    return SenderKeys(
        signing=digest.hex(),
        encryption=base64.b64encode(digest).decode().rstrip("="),
        verify_token=f"token-of-{owner}",
        identity={"receive_id": f"corp-{owner}"},
    )


def webhook_keys(owner: str) -> SenderKeys:
    """A secret in base64."""
    secret = base64.b64encode(hashlib.sha256(owner.encode()).digest()).decode()
    return SenderKeys(signing=f"whsec_{secret}")


def plain_keys(owner: str) -> SenderKeys:
    """A secret and nothing else."""
    return SenderKeys(signing=keys_of(owner).signing)


def esign_keys(owner: str) -> SenderKeys:
    """A secret and an application."""
    return SenderKeys(signing=keys_of(owner).signing, identity={"app_id": f"app-{owner}"})


def vendor_keys(owner: str) -> SenderKeys:
    """A vendor's private key and a key of 32 characters for the resource."""
    encryption = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return SenderKeys(encryption=encryption, private_key=rsa_key(owner), serial="5157F09EFDC096DE")


@dataclass(frozen=True)
class Case:
    """One kind of proof: its channel, its sender, and what its proof covers.

    `covers` is `bytes` (of the body as sent), `content` (what is in the envelope or the fields) or `nothing`.
    """

    name: str
    kind: str
    body: bytes
    keys: Callable[[str], SenderKeys]
    covers: str = "bytes"
    signs_time: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    form: str = "json"
    media_type: str = JSON
    rules: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The channel file."""
        return {
            "channel": f"t_{self.name}",
            "version": 1,
            "title": self.name,
            "trust": "strong",
            "verify": {"kind": self.kind, **self.options},
            "dedupe": "body",
            "limits": {"max_bytes": 65536},
            "ack": {"status": 200, "text": "stored"},
            "body": self.form,
            "content_types": [self.media_type.partition(";")[0]],
            "fan_out": "@",
            "map": {"phones": {"path": "phone", "via": "phones"}},
            **self.rules,
        }

    def sign(
        self, body: bytes | None = None, *, keys: SenderKeys | None = None, at_s: float = 0
    ) -> Signed:
        """A request of the account `main`, or of the owner of `keys`."""
        return sign(
            self.kind,
            self.body if body is None else body,
            keys or self.keys("main"),
            at_s=at_s or time.time(),
            options=self.options,
        )


CASES = {
    case.name: case
    for case in (
        Case("hub256", "hub256", LEAD, plain_keys, rules={"handshake": "hub"}),
        Case("standard_webhooks", "standard_webhooks", LEAD, webhook_keys, signs_time=True),
        Case(
            "email_gateway", "email_gateway", MAIL, webhook_keys, signs_time=True,
            form="email", media_type=MESSAGE,
        ),
        Case("douyin", "douyin_sha1", LEAD, plain_keys, rules={"handshake": "douyin_challenge"}),
        Case("jdy", "jdy_sha1", LEAD, plain_keys),
        Case("esign", "esign", LEAD, esign_keys, options={"query": {"b": "2", "a": "1"}}),
        Case(
            "wx_plain", "wx_signature", LEAD_XML, plain_keys, covers="nothing",
            form="xml", media_type=XML, rules={"handshake": "wx_echo"},
        ),
        Case(
            "wx_secure", "wx_biz_msg", LEAD_XML, keys_of, covers="content",
            form="xml", media_type=XML, rules={"handshake": "wx_biz_echo"},
        ),
        Case(
            "dingtalk", "wx_biz_msg", LEAD, keys_of, covers="content",
            options={"envelope": "json"},
            rules={
                "handshake": "dingtalk_check_url", "ack": {"status": 200, "made": "dingtalk"},
            },
        ),
        Case(
            "tencent", "tencent_meeting", LEAD, plain_keys, covers="content",
            rules={"handshake": "tencent_check_str"},
        ),
        Case("tencent_sealed", "tencent_meeting", LEAD, keys_of, covers="content"),
        Case("lark", "lark", LEAD, lambda owner: SenderKeys(encryption=keys_of(owner).encryption),
             signs_time=True, rules={"handshake": "lark_challenge"}),
        Case(
            "wxpay", "wxpay_v3", LEAD, vendor_keys, signs_time=True,
            rules={
                "ack": {"status": 204}, "refusal": {"json": {"code": "FAIL", "message": "失败"}},
                "dedupe": {"paths": ["envelope.id"]},
            },
        ),
        Case(
            "alipay", "alipay_rsa2", TRADE, vendor_keys, covers="content", form="form",
            media_type=FORM,
            rules={"refusal": {"text": "fail"}, "dedupe": {"paths": ["notify_id"]}},
        ),
        Case("token_path", "shared_token", LEAD, plain_keys, covers="nothing"),
        Case("token_header", "shared_token", LEAD, plain_keys, covers="nothing",
             options={"in": "header", "name": "X-Token"}),
        Case("token_query", "shared_token", LEAD, plain_keys, covers="nothing",
             options={"in": "query", "name": "token"}),
        Case("token_body", "shared_token", LEAD, plain_keys, covers="nothing",
             options={"in": "body", "name": "auth.google_key"}),
        Case("oauth2", "oauth2_bearer", LEAD, plain_keys, covers="nothing"),
    )
}  # fmt: skip


OF_ONE_KEY = frozenset({"wxpay_v3", "alipay_rsa2", "oauth2_bearer"})
SELECTIONS: dict[str, Callable[[Case], bool]] = {
    "case": lambda _: True,
    "keyed_case": lambda case: case.name != "token_path",
    "rotating_case": lambda case: case.name != "token_path" and case.kind not in OF_ONE_KEY,
    "timed_case": lambda case: case.signs_time,
    "read_case": lambda case: case.form in {"json", "xml"},
    "rewritable_case": lambda case: case.form == "json" or case.name == "wx_secure",
}
"""The cases that a test is run for, by the name that it asks for them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that asks for a case once for each of its selection."""
    for name in SELECTIONS.keys() & set(metafunc.fixturenames):
        selected = [case for case in CASES.values() if SELECTIONS[name](case)]
        metafunc.parametrize(name, selected, ids=[case.name for case in selected])


@dataclass
class RunningDoor:
    """A door on a port, its database, and its accounts' paths."""

    http: aiohttp.ClientSession
    rows: asyncpg.Connection
    accounts: Accounts
    seals: Seals
    address: str
    paths: dict[tuple[str, str], str] = field(default_factory=dict)

    async def open_account(
        self, case: Case, account: str = "main", *, keys: Sequence[SenderKeys] = ()
    ) -> str:
        """Makes an account of a case's channel with these keys, newest first, or those of its name; its path."""
        held = keys or (case.keys(account),)
        key = hashlib.sha256(f"{case.name}/{account}".encode()).hexdigest()[:32]
        channel = f"t_{case.name}"
        secrets = Secrets(
            signing=tuple(each.signing for each in held if each.signing),
            encryption=tuple(each.encryption for each in held if each.encryption),
            verify_token=held[0].verify_token,
            identity=dict(held[0].identity),
            public_keys=held[0].public_pem(),
        )
        await self.put_secrets(channel, account, msgspec.json.encode(secrets), key)
        self.paths[case.name, account] = path = f"/in/v1/{channel}/{key}"
        return path

    async def forget(self) -> None:
        """Leaves neither an account nor a delivery; the next account has an id, and so a rate, of its own."""
        await self.rows.execute("truncate accounts, deliveries cascade")
        self.paths.clear()
        await self.accounts.refresh()

    async def put_secrets(self, channel: str, account: str, secrets: bytes, key: str) -> None:
        """Writes an account's row and lets the door see it."""
        row = account_rows.SealedAccount(
            AccountId(0),
            channel,
            account,
            self.seals.account_keys.of(key),
            self.seals.seal_secrets(secrets, channel, account),
        )
        sealed_key = self.seals.seal_key(key, channel, account)
        await account_rows.put(self.rows, row, sealed_key=sealed_key)
        await self.accounts.refresh()

    async def send(
        self,
        path: str,
        signed: Signed,
        *,
        more_headers: Sequence[tuple[str, str]] = (),
        more_query: Sequence[tuple[str, str]] = (),
    ) -> tuple[int, bytes]:
        """Posts a request; status and body of the answer."""
        pairs = [*signed.query.items(), *more_query]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
        address = URL(f"{self.address}{path}?{query}", encoded=True)
        headers = [*signed.headers.items(), *more_headers]
        async with self.http.post(address, data=io.BytesIO(signed.raw), headers=headers) as answer:
            return answer.status, await answer.read()

    async def bearer(self, case: Case, account: str = "main") -> SenderKeys:
        """The account's keys with a token from the token endpoint."""
        keys = case.keys(account)
        form = {
            "grant_type": "client_credentials",
            "client_id": f"t_{case.name}/{account}",
            "client_secret": keys.signing,
        }
        async with self.http.post(oauth2.PATH, data=form) as answer:
            assert answer.status == 200
            return SenderKeys(
                signing=keys.signing, bearer=str((await answer.json())["access_token"])
            )

    async def sender(self, case: Case, account: str = "main") -> SenderKeys:
        """The keys of an account's sender, with a bearer token where its kind of proof is one."""
        is_bearer = case.kind == "oauth2_bearer"
        return await self.bearer(case, account) if is_bearer else case.keys(account)

    async def stored(self) -> list[Envelope]:
        """The envelopes that are stored, opened, in order."""
        rows = await self.rows.fetch("select delivery_id, raw from deliveries order by delivery_id")
        return [
            msgspec.msgpack.decode(
                self.seals.open_delivery(row["raw"], row["delivery_id"]), type=Envelope
            )
            for row in rows
        ]


@cache
def channels_of_cases() -> list[ChannelFile]:
    """The channels of every case, compiled once."""
    return [compile_channel(case.document()) for case in CASES.values()]


def door_settings(url: str, jwks_file: Path, samples: Any) -> Settings:
    """Settings of a door alone, which knows neither bus nor permissions."""
    return Settings(
        database_url=url,
        nats_url="nats://127.0.0.1:1",
        permissions_grpc="127.0.0.1:1",
        jwks_file=jwks_file,
        field_keys=f"k1:{samples.key}",
        index_key=samples.key,
    )


@asynccontextmanager
async def running_door(
    url: str,
    settings: Settings,
    documents: Sequence[Mapping[str, Any]] = (),
    *,
    trusted_hops: int = 0,
    queue_max: int = 1000,
) -> AsyncIterator[RunningDoor]:
    """A door on a migrated database, for these channel documents or those of every case."""
    seals = Seals.of(settings)
    files = [compile_channel(document) for document in documents] or channels_of_cases()
    database = Database(url, service="lead-intake", pool_size=3)
    channels = {file.channel: file for file in files}
    accounts = Accounts(database, channels, seals, templates={})
    commits = GroupCommit(database, queue_max=queue_max)
    poller = Poller("group commit", commits.step, idle_s=1.0)
    commits.wake = poller.wake
    routes = Routes(
        Door(accounts, commits, seals, trusted_hops=trusted_hops),
        {oauth2.PATH: oauth2.TokenEndpoint(accounts)},
    )
    host = HttpHost("127.0.0.1", 0, routes)
    async with AsyncExitStack() as stack:
        for part in (database, accounts, poller, host):
            await part.start()
            stack.push_async_callback(part.stop)
        rows = await asyncpg.connect(url)
        stack.push_async_callback(rows.close)
        address = f"http://127.0.0.1:{host.port}"
        http = aiohttp.ClientSession(address, timeout=aiohttp.ClientTimeout(total=20))
        http = await stack.enter_async_context(http)
        yield RunningDoor(http, rows, accounts, seals, address)


@pytest.fixture
def start_door(
    migrated_url: str, keys: Any, samples: Any
) -> Callable[..., AbstractAsyncContextManager[RunningDoor]]:
    """Starts a door for channel documents; those of every case by default."""
    return partial(running_door, migrated_url, door_settings(migrated_url, keys.jwks_file, samples))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_door(
    postgres_server: TestPostgres, migrated: Migrated, samples: Any, tmp_path_factory: Any
) -> AsyncIterator[RunningDoor]:
    """A door for all tests of a module, each of which `forget`s what others did."""
    name = f"door_{token_hex(6)}"
    url = postgres_server.url(name)
    await migrated.migrate(url, "lead_intake")
    settings = door_settings(url, tmp_path_factory.mktemp("door") / "jwks.json", samples)
    async with running_door(url, settings) as running:
        yield running
    await drop_database(postgres_server.admin_url, name)


@pytest.fixture
async def door(
    start_door: Callable[..., AbstractAsyncContextManager[RunningDoor]],
) -> AsyncIterator[RunningDoor]:
    async with start_door() as running:
        yield running


@pytest.fixture
def cases() -> Mapping[str, Case]:
    """Every case by name."""
    return CASES
