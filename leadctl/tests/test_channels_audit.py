"""`leadctl channels audit` over real gRPC: what it shows of accounts, and when it ends with 1."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import typer
from leadchain.intake.v1 import watching_service_pb2 as pb
from leadchain.intake.v1 import watching_service_pb2_grpc as watching_grpc
from leadctl.channels_audit import audit
from leadctl.channels_expect import expect
from leadctl.identities import AUDIENCE, ISSUER, Identities
from servicekit.auth import TokenVerifier
from servicekit.grpc_server import GrpcServer
from typer.testing import CliRunner, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Watching(watching_grpc.WatchingServiceServicer):
    """Says what a test wants of the accounts."""

    accounts: list[pb.AuditedAccount] = field(default_factory=list)
    expected: list[pb.SetExpectationRequest] = field(default_factory=list)

    async def AuditSubscriptions(self, request, _context):
        """The accounts asked for."""
        found = [each for each in self.accounts if request.channel in {"", each.channel}]
        return pb.AuditSubscriptionsResponse(accounts=found)

    async def SetExpectation(self, request, _context):
        """Remembered."""
        self.expected.append(request)
        return pb.SetExpectationResponse()


@dataclass
class There:
    """A lead-intake that answers audits, and the command that asks it."""

    watching: Watching
    token_file: Path
    port: int = 0

    def run(self, *options: str) -> Result:
        """The command's end."""
        return self._end(audit, *options)

    def expect(self, *arguments: str) -> Result:
        """The end of the command that says what is expected."""
        return self._end(expect, *arguments)

    def _end(self, command: Callable[..., None], *options: str) -> Result:
        app = typer.Typer()
        app.command()(command)
        target = f"--target=lead-intake=127.0.0.1:{self.port}"
        return CliRunner().invoke(app, [target, f"--token-file={self.token_file}", *options])

    async def serve(self, verifier: TokenVerifier, ready: threading.Event, done: threading.Event):
        """Serve until `done`."""
        server = GrpcServer("127.0.0.1", 0, verifier=verifier)
        add = watching_grpc.add_WatchingServiceServicer_to_server
        server.add(add, self.watching, "leadchain.intake.v1.WatchingService")
        await server.start()
        self.port = server.port
        ready.set()
        await asyncio.to_thread(done.wait, 60)
        await server.stop()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    identities = Identities(tmp_path / "secrets")
    identities.mint("leadctl", scopes=["operator"])
    there = There(Watching(), identities.token_file("leadctl"))
    verifier = TokenVerifier(identities.jwks_file, issuer=ISSUER, audience=AUDIENCE)
    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(there.serve(verifier, ready, done)))
    thread.start()
    assert ready.wait(20)
    yield there
    done.set()
    thread.join(20)


def account(**named) -> pb.AuditedAccount:
    usual = {
        "channel": "facebook_leadgen",
        "account": "main",
        "is_live": True,
        "expected_gap_s": 400.0,
        "subscription": pb.SUBSCRIPTION_STATE_FOUND,
        "mapping_version": 3,
    }
    return pb.AuditedAccount(**{**usual, **named})


def test_accounts_that_are_well_are_shown_and_it_ends_with_0(there: There) -> None:
    well = account()
    well.compared_until.FromDatetime(datetime.now(UTC) - timedelta(minutes=7))
    form = account(
        channel="website_form", subscription=pb.SUBSCRIPTION_STATE_NOT_AUDITABLE, expected_gap_s=0
    )
    there.watching.accounts = [well, form]

    shown = there.run()

    assert shown.exit_code == 0
    first, second = shown.output.splitlines()[1:3]
    for word in ("facebook_leadgen", "7 min", "found", "version 3"):
        assert word in first
    for word in ("website_form", "learning", "not auditable", "not comparable"):
        assert word in second


@pytest.mark.parametrize(
    ("named", "word"),
    [
        ({"is_silent": True}, "silent"),
        (
            {"subscription": pb.SUBSCRIPTION_STATE_LOST, "subscription_reason": "field_missing"},
            "lost: field_missing",
        ),
        ({"mapping_version": 0}, "missing"),
        ({"is_live": False}, "no"),
    ],
    ids=["silent", "unsubscribed", "unmapped", "shut"],
)
def test_an_account_that_is_not_well_ends_it_with_1(there: There, named, word: str) -> None:
    there.watching.accounts = [account(**named)]

    shown = there.run()

    assert shown.exit_code == 1
    assert word in shown.output


def test_only_one_channel_is_asked_for_and_json_has_the_contracts_names(there: There) -> None:
    there.watching.accounts = [account(), account(channel="website_form")]

    shown = there.run("--channel", "website_form", "--json")

    (only,) = json.loads(shown.output)["accounts"]
    assert (only["channel"], only["mapping_version"]) == ("website_form", 3)


def test_an_operator_says_when_an_account_is_silent_and_for_how_long_that_is_known(
    there: There,
) -> None:
    before = datetime.now(UTC)

    done = there.expect("website_form", "main", "--silent-after-h", "2", "--mute-h", "8")

    [asked] = there.watching.expected
    assert (done.exit_code, asked.channel, asked.account) == (0, "website_form", "main")
    assert asked.silent_after_s == 7200
    assert asked.muted_until.ToDatetime(tzinfo=UTC) - before >= timedelta(hours=8)
