"""Reminders shown to an operator over real gRPC, and the stand-ins that drills send to."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.notification_service_pb2_grpc import (
    NotificationServiceServicer,
    add_NotificationServiceServicer_to_server,
)
from leadctl.__main__ import app
from leadctl.drill.readers import Readers
from leadctl.fakes.mail_server import MailServer
from leadctl.fakes.message_vendors import Message, MessageVendors
from leadctl.testing import CliRunner, Served, serving
from servicekit.http_host import HttpHost, send_answer
from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"


@dataclass
class _Notification(NotificationServiceServicer):
    """Knows one lead's reminders; keeps the accounts that it is told."""

    accounts: list[pb.Account] = field(default_factory=list)
    low: list[str] = field(default_factory=list)
    groups: list[pb.Group] = field(default_factory=list)

    async def ListReminders(self, _request, _context):
        receipt = pb.Receipt(kind="clicked", source="beacon")
        receipt.at.FromJsonString("2026-02-07T04:30:00Z")
        send = pb.Send(medium="wecom_app", step=1, state="accepted", receipts=[receipt])
        told = pb.Reminder(kind_name="lead_assigned", recipient_id="rep-07", sends=[send])
        unsent = pb.Reminder(kind_name="contact_overdue", last_error="no_manager", state="failed")
        return pb.ListRemindersResponse(reminders=[told, unsent])

    async def ListRoutes(self, _request, _context):
        kind = pb.KindRoutes(
            kind_name="lead_assigned", routes=["first_of wecom_app", "all_of smtp"]
        )
        account = pb.Account(account_id="wecom", medium="wecom_app", messages_per_min=30)
        return pb.ListRoutesResponse(
            policy_version=4, kinds=[kind], accounts=[account], groups=self.groups
        )

    async def PutAccounts(self, request, _context):
        self.accounts = list(request.accounts)
        return pb.PutAccountsResponse(written_count=len(self.accounts))

    async def GetReminderHealth(self, request, _context):
        kind = pb.KindHealth(kind_name="lead_assigned", reminder_count=200, reached_rate=0.9)
        kind.low.extend(self.low)
        return pb.GetReminderHealthResponse(awaiting_count=request.window_s // 3600, kinds=[kind])


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, _Notification]]:
    notification = _Notification()
    servicer = (
        add_NotificationServiceServicer_to_server,
        notification,
        "leadchain.notification.v1.NotificationService",
    )
    with serving(tmp_path_factory.mktemp("keys"), servicer) as served:
        yield served, notification


def run(there: tuple[Served, _Notification], *command: str) -> Result:
    """The end of a command that asks notification."""
    return CliRunner().invoke(app, ["reminders", *command, *there[0].options("notification")])


def test_a_group_that_nobody_put_is_shown_before_its_first_reminder(
    there: tuple[Served, _Notification],
) -> None:
    notification = there[1]
    notification.groups = [pb.Group(recipient_id="operations", is_reachable=True)]
    well = run(there, "check")
    legal = pb.Group(recipient_id="legal", kind_names=["company_risk"])
    notification.groups.append(legal)

    shown = run(there, "check")

    assert (well.exit_code, shown.exit_code) == (0, 3)
    assert "legal" in shown.stdout
    assert "MISSING" in shown.stdout


def test_a_lead_s_reminders_are_listed_with_routes_and_proofs(
    there: tuple[Served, _Notification],
) -> None:
    shown = run(there, "list", LEAD)

    assert shown.exit_code == 0
    for word in ("wecom_app", "clicked 2026-02-07", "contact_overdue", "no_manager"):
        assert word in shown.output


def test_routes_name_the_policy_and_what_accounts_may_send(
    there: tuple[Served, _Notification],
) -> None:
    shown = run(there, "routes")

    assert "policy version 4" in shown.output
    assert "first_of wecom_app, then all_of smtp" in shown.output
    assert "30" in shown.output


def test_health_that_is_low_ends_the_command_with_3(there: tuple[Served, _Notification]) -> None:
    there[1].low[:] = []
    well = run(there, "health", "--hours", "6")
    there[1].low[:] = ["reached"]
    unwell = run(there, "health", "--json")

    assert well.exit_code == 0
    assert "6 with a provider" in well.output
    assert unwell.exit_code == 3
    assert json.loads(unwell.output)["kinds"][0]["low"] == ["reached"]


def test_accounts_are_read_from_a_file(there: tuple[Served, _Notification], tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(
        "accounts:\n  - {account_id: mail, medium: smtp, url: 'smtp://mail.example:587'}\n"
    )

    shown = run(there, "accounts", str(file))

    assert "1 accounts written" in shown.output
    assert there[1].accounts[0].url == "smtp://mail.example:587"


async def test_people_open_what_they_get_and_learn_which_lead_it_is() -> None:
    async def door(scope, _receive, send) -> None:
        await send_answer(
            send, 302, b"", [(b"location", f"https://crm.example/leads/{LEAD}".encode())]
        )

    host = HttpHost("127.0.0.1", 0, door)
    await host.start()
    link = f"http://127.0.0.1:{host.port}/r/token"
    vendors = MessageVendors(messages=[Message("wecom_app", "ana", "", (link,), "", 17.0)])
    readers, done = Readers(vendors, MailServer(), {"wecom_app": 1.0}, 0.0), asyncio.Event()
    done.set()

    await readers.read(done)
    await host.stop()

    assert (readers.opened, readers.failed) == (1, 0)
    assert readers.told_at_s == {LEAD: 17.0}
