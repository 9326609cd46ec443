"""People who read what they are told: they open a share of the messages, some time after they got them."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leadctl.fakes.mail_server import MailServer
    from leadctl.fakes.message_vendors import MessageVendors

POLL_S = 0.1
OPENING_AT_ONCE = 16
OPEN_TIMEOUT_S = 10.0


@dataclass
class Readers:
    """`shares` is how much of each medium's messages are opened, 0 to 1; `think_s` how long people take at most.

    `told_at_s` is when the provider took the first message about a lead, by lead, for those that were opened;
    `identify` opens the others when nothing is measured any more.
    """

    vendors: MessageVendors
    mail: MailServer
    shares: Mapping[str, float]
    think_s: float
    told_at_s: dict[str, float] = field(default_factory=dict)
    opened: int = 0
    failed: int = 0
    _links_seen: set[str] = field(default_factory=set)
    _chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - a drill

    async def read(self, done: asyncio.Event) -> None:
        """Opens messages until `done` is set and nothing is left to open."""
        seen = mails_seen = 0
        timeout = aiohttp.ClientTimeout(total=OPEN_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=OPENING_AT_ONCE)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while not done.is_set() or seen < len(self.vendors.messages):
                messages, seen = self.vendors.messages[seen:], len(self.vendors.messages)
                mails, mails_seen = self.mail.mails[mails_seen:], len(self.mail.mails)
                found = [(m.vendor, m.links, m.at_s) for m in messages]
                found += [("smtp", m.links, time.time()) for m in mails]
                for medium, links, at_s in found:
                    if self._chance.random() < self.shares.get(medium, 0.0):
                        delay_s = self._chance.uniform(0, self.think_s)
                        tasks.create_task(self._open(session, links, at_s, delay_s))
                await asyncio.sleep(POLL_S)

    async def identify(self) -> None:
        """Learns which leads the messages that nobody opened were about."""
        timeout = aiohttp.ClientTimeout(total=OPEN_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=OPENING_AT_ONCE)
        opened = self.opened
        taken = [(message.links, message.at_s) for message in self.vendors.messages]
        taken += [(mail.links, time.time()) for mail in self.mail.mails]
        unknown = [each for each in taken if not self._links_seen.issuperset(each[0])]
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for links, at_s in unknown:
                tasks.create_task(self._open(session, links, at_s, 0.0))
        self.opened = opened

    async def _open(
        self, session: aiohttp.ClientSession, links: tuple[str, ...], at_s: float, delay_s: float
    ) -> None:
        await asyncio.sleep(delay_s)
        for link in links:
            try:
                async with session.get(link, allow_redirects=False) as response:
                    lead_id = response.headers.get("location", "").rpartition("/")[2]
            except (aiohttp.ClientError, TimeoutError):
                self.failed += 1
                continue
            self.opened += 1
            self._links_seen.add(link)
            if lead_id:
                self.told_at_s[lead_id] = min(at_s, self.told_at_s.get(lead_id, at_s))
