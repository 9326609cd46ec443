"""`leadctl channels audit` over real gRPC: what it shows of accounts, and when it ends with 1."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from leadchain.intake.v1 import watching_service_pb2 as pb
from leadchain.intake.v1 import watching_service_pb2_grpc as watching_grpc
from leadctl.channels import channels_app
from leadctl.testing import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


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
    """A lead-intake that answers audits, and the commands that ask it."""

    served: Served
    watching: Watching

    def run(self, *options: str) -> Result:
        """The audit's end."""
        return self.served.run(channels_app, "audit", *options)

    def expect(self, *arguments: str) -> Result:
        """The end of the command that says what is expected."""
        return self.served.run(channels_app, "expect", *arguments)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    watching = Watching()
    add = watching_grpc.add_WatchingServiceServicer_to_server
    with serving(tmp_path, (add, watching, "leadchain.intake.v1.WatchingService")) as served:
        yield There(served, watching)


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
