"""Notification without its bus: events handed to it, messages sent over real connections to stand-ins of providers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from leadctl.fakes.mail_server import MailServer
from leadctl.fakes.message_vendors import MessageVendors
from notification import subscribers
from notification.app import senders
from notification.commands import books
from notification.commands.books import AddressBook
from notification.commands.keeping import Keeper
from notification.commands.privacy import erase_leads
from notification.commands.routing import Router
from notification.commands.sending import Outfit, Sender
from notification.domain.addresses import Account, Address
from notification.domain.media import Medium
from notification.domain.people import Person, Standing
from notification.domain.receipts import Beacons
from notification.domain.routing import Directory
from notification.senders.calls import Calls
from notification.senders.words import Words
from notification.webhooks import BeaconDoor
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.http_host import HttpHost
from servicekit.polling import Poller
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification.domain.kinds import Policy
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

SECRET = "vendor-secret"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Desk:
    """Notification at work. `vendors` and `mail` are what it writes to; `door` is where links lead."""

    hearing: Hearing
    book: AddressBook
    keys: KeyRing
    vendors: MessageVendors
    mail: MailServer
    vendors_url: str
    door_url: str
    standings: dict[str, Standing] = field(default_factory=dict)
    managers: dict[str, str] = field(default_factory=dict)

    async def put(self, *people: Person) -> None:
        """Configures people."""
        async with self.hearing.database.unit_of_work() as uow:
            await books.put_recipients(uow, people, keys=self.keys)
        await self.book.refresh()

    async def open_accounts(self, *, sms_per_min: int = 0) -> None:
        """Configures an account of each medium that needs one."""
        accounts = [
            Account(
                "wecom",
                Medium.WECOM_APP,
                self.vendors_url,
                {"corp_id": "ww1", "agent_id": "1000002", "secret": SECRET},
            ),
            Account(
                "mp",
                Medium.WECHAT_MP,
                self.vendors_url,
                {"app_id": "wx1", "secret": SECRET, "template_id": "t-1"},
            ),
            Account(
                "mail",
                Medium.SMTP,
                f"smtp://127.0.0.1:{self.mail.port}",
                {"from": "crm@crm.example", "tls": "none"},
            ),
            Account(
                "sms",
                Medium.ALIYUN_SMS,
                self.vendors_url,
                {
                    "access_key_id": "id",
                    "access_key_secret": SECRET,
                    "sign_name": "示例",
                    "template_code": "SMS_1",
                },
                sms_per_min,
            ),
        ]
        async with self.hearing.database.unit_of_work() as uow:
            await books.put_accounts(uow, accounts, keys=self.keys)
        await self.book.refresh()

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        return await self.hearing.rows(query, *arguments)

    def robot(self, medium: Medium, key: str = "robot-1") -> Address:
        """A robot of a group at the stand-ins."""
        path = {
            Medium.WECOM_BOT: f"/cgi-bin/webhook/send?key={key}",
            Medium.DINGTALK_ROBOT: f"/robot/send?access_token={key}",
            Medium.FEISHU_BOT: f"/open-apis/bot/v2/hook/{key}",
        }[medium]
        return Address(medium, self.vendors_url + path, SECRET)


@pytest.fixture
def wecom() -> Address:
    return Address(Medium.WECOM_APP, "ana", account_id="wecom")


@pytest.fixture
def mail_address() -> Address:
    return Address(Medium.SMTP, "ana@example.com", account_id="mail")


@pytest.fixture
def sms() -> Address:
    return Address(Medium.ALIYUN_SMS, "+8613800138001", account_id="sms")


@pytest.fixture
def hasty_policy(policy: Policy) -> Policy:
    """The packaged policy, with a fifth of a second for a receipt and no night."""
    never = replace(policy.quiet_hours, begins=policy.quiet_hours.ends)
    quick = {
        name: replace(kind, receipt_within_s=0.2, is_important=True)
        for name, kind in policy.kinds.items()
    }
    return replace(policy, quiet_hours=never, give_up_after_s=2, kinds=MappingProxyType(quick))


@pytest.fixture
async def desk(database: Database, keys: KeyRing, hasty_policy: Policy) -> AsyncIterator[Desk]:
    vendors, mail = MessageVendors(secret=SECRET), MailServer()
    async with AsyncExitStack() as stack:
        http = HttpHost("127.0.0.1", 0, vendors)
        door = HttpHost("127.0.0.1", 0, _door_of(database))
        for server in (mail, http, door):
            stack.push_async_callback(server.stop)
            await server.start()
        door_url = f"http://127.0.0.1:{door.port}"
        beacons = Beacons(b"i" * 32, door_url)
        words = Words(beacons)
        book, calls = AddressBook(database, keys), Calls()
        outfit = Outfit(senders(calls), words, hasty_policy, calls)
        sender = Sender(database, book, outfit, clock=_now, pace_s=0.0, delay_scale=0.01)
        standings: dict[str, Standing] = {}
        managers: dict[str, str] = {}
        directory = Directory(
            book.person,
            lambda who: standings.get(who, Standing.ACTIVE),
            lambda who: managers.get(who, ""),
        )
        router = Router(
            database, hasty_policy, directory, refresh=book.refresh, on_queued=sender.wake
        )
        routing = Poller("router", router.step, idle_s=0.02)
        for part in (sender, routing):
            stack.push_async_callback(part.stop)
            await part.start()
        bus = Bus("nats://127.0.0.1:1", database=database)
        erasures = Erasures(database, erase_leads, spared=[])
        keeper = Keeper(hasty_policy, directory, on_queued=sender.rouse, on_due=router.rouse)
        subscribers.subscribe(bus, keeper, erasures)
        hearing = Hearing("notification", database, bus)
        yield Desk(
            hearing,
            book,
            keys,
            vendors,
            mail,
            f"http://127.0.0.1:{http.port}",
            door_url,
            standings,
            managers,
        )


def _door_of(database: Database) -> BeaconDoor:
    record_url = "https://crm.example/leads/{lead_id}"
    return BeaconDoor(database, Beacons(b"i" * 32, ""), record_url=record_url)
