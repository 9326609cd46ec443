"""The accounts in memory: whose deliveries are let in, and how each is proved.

Hidden decision: freshness. Accounts are few and change seldom, so each process keeps them all, opened, and asks the
database every second whether any changed; an unknown key makes it look at once, but not more than once a second.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import structlog
from servicekit.sealing import SealingError

from lead_intake.mappings import Catalogue, NotServable
from lead_intake.store import accounts as store
from lead_intake.verifiers import VERIFIERS
from lead_intake.verifiers.protocol import InvalidSecret, KeyMaterial, Unprovable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from servicekit.database import Database

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.domain.leads import AccountId
    from lead_intake.seals import Seals
    from lead_intake.verifiers.protocol import Verifier

log = structlog.get_logger()

LOOK_AGAIN_AFTER_S = 1.0
KEY_LENGTH_MAX = 64


class Secrets(msgspec.Struct, frozen=True):
    """What an account proves and fetches with. Kept sealed, never shown.

    `signing` and `encryption` hold the newest first, at most two; `identity` is what deliveries must name (such as
    `receive_id`), `public_keys` PEM by serial, `settings` what its vendor's API is asked for (such as `form_ids`).
    """

    signing: tuple[str, ...] = ()
    verify_token: str = ""
    access_token: str = ""
    encryption: tuple[str, ...] = ()
    identity: dict[str, str] = {}
    public_keys: dict[str, str] = {}
    settings: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Secrets(***)"


def verifier_for(channel: ChannelFile, account: str, secrets: Secrets) -> Verifier:
    """What proves the deliveries of an account; raises `InvalidSecret` for secrets that are missing or weak."""
    make = VERIFIERS.get(channel.door.verify_kind)
    if make is None:
        raise InvalidSecret("the channel's proof of origin is of an unknown kind")
    material = KeyMaterial(
        signing=secrets.signing,
        encryption=secrets.encryption,
        verify_token=secrets.verify_token,
        identity={**secrets.identity, "client_id": f"{channel.channel}/{account}"},
        public_keys=secrets.public_keys,
    )
    return make(material, channel.door.verify_options)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """One account, ready to prove its deliveries; without usable secrets it proves none.

    `channel` is what it is served by, its template and its own mapping included. A closed account delivers nothing any
    more; of one that is not `is_servable` its deliveries are kept, and wait for a mapping that fits.
    """

    account_id: AccountId
    account: str
    channel: ChannelFile
    verifier: Verifier
    secrets: Secrets = field(repr=False)
    is_closed: bool = False
    is_servable: bool = True


class Accounts:
    """Every account, by key and by id. A part of a service: `start` reads them."""

    name = "accounts"

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, ChannelFile],
        seals: Seals,
        *,
        templates: Mapping[str, ChannelFile] | None = None,
    ) -> None:
        self.channels = channels
        self.catalogue = Catalogue(channels, templates)
        self._database = database
        self._seals = seals
        self._by_key: dict[tuple[str, bytes], OpenAccount] = {}
        self._by_id: dict[AccountId, OpenAccount] = {}
        self._by_place: dict[str, OpenAccount] = {}
        self._by_name: dict[tuple[str, str], OpenAccount] = {}
        self._revisions: tuple[int, int] | None = None
        self._looked_at_s = float("-inf")
        self._looking = asyncio.Lock()
        self._seen: dict[AccountId, datetime] = {}

    def at(self, place: str) -> OpenAccount | None:
        """The account whose deliveries come to `channel/key`, as far as known here; any text is welcome."""
        known = self._by_place.get(place)
        if known is not None:
            return known
        channel, _, key = place.partition("/")
        if not (0 < len(key) <= KEY_LENGTH_MAX and key.isascii()):
            return None
        account = self._by_key.get((channel, self._seals.account_keys.of(key)))
        if account is not None:
            self._by_place[place] = account
        return account

    def with_id(self, account_id: AccountId) -> OpenAccount | None:
        """An account by its id, closed or not, as far as known here."""
        return self._by_id.get(account_id)

    def named(self, channel: str, account: str) -> OpenAccount | None:
        """An open account by its channel and name, as far as known here."""
        return self._by_name.get((channel, account))

    def versions(self) -> dict[AccountId, int]:
        """By which version of its rules each account is read, as far as known here."""
        return {id_: account.channel.version for id_, account in self._by_id.items()}

    def fetching(self) -> list[AccountId]:
        """The accounts whose deliveries hold only ids, as far as known here."""
        return [id_ for id_, account in self._by_id.items() if account.channel.reading.is_enriched]

    def was_seen(self, account_id: AccountId, at: datetime) -> None:
        """Notes that a delivery of the account was stored; written down with the next refresh."""
        self._seen[account_id] = at

    async def look_again(self) -> None:
        """Reads changed accounts now, unless that was done within the last second."""
        async with self._looking:
            if time.monotonic() - self._looked_at_s >= LOOK_AGAIN_AFTER_S:
                await self._look()

    async def refresh(self) -> bool:
        """One step of the worker that keeps the accounts fresh and writes down who delivered."""
        async with self._looking:
            await self._look()
        if self._seen:
            seen, self._seen = self._seen, {}
            async with self._database.raw() as raw:
                await store.mark_seen(raw, seen)
        return False

    async def start(self) -> None:
        """Reads every account."""
        await self.refresh()

    async def stop(self) -> None:
        """Forgets the opened secrets."""
        self._by_key, self._by_id, self._by_place, self._by_name = {}, {}, {}, {}
        self._revisions = None

    def problem(self) -> str | None:
        """Why deliveries cannot be told apart yet."""
        return "not read" if self._revisions is None else None

    async def _look(self) -> None:
        self._looked_at_s = time.monotonic()
        async with self._database.raw() as raw:
            revisions = await store.revisions(raw)
            if revisions == self._revisions:
                return
            rows = await store.every_account(raw)
        opened = [(row, account) for row in rows if (account := self._opened(row)) is not None]
        self._by_id = {row.account_id: account for row, account in opened}
        serving = [(row, account) for row, account in opened if not account.is_closed]
        self._by_key = {(row.channel, row.key_hmac): account for row, account in serving}
        self._by_name = {(row.channel, row.account): account for row, account in serving}
        self._by_place = {}
        self._revisions = revisions

    def _opened(self, row: store.SealedAccount) -> OpenAccount | None:
        """The account with its secrets open; None, and a line in the log, when its channel is not installed.

        Secrets that cannot be used are a line in the log too, and nothing is proved with them.
        """
        channel = self.channels.get(row.channel)
        if channel is None:
            log.error("channel_not_installed", channel=row.channel, account=row.account)
            return None
        secrets, is_servable = Secrets(), True
        verifier: Verifier = Unprovable()
        try:
            channel = self.catalogue.rules_of(row)
        except NotServable as error:
            is_servable = False
            log.error("account_not_servable", account_id=row.account_id, problem=str(error))  # noqa: TRY400
        try:
            opened = self._seals.open_secrets(row.sealed_secrets, row.channel, row.account)
            secrets = msgspec.json.decode(opened, type=Secrets)
            verifier = verifier_for(channel, row.account, secrets)
        except (SealingError, InvalidSecret, msgspec.DecodeError) as error:
            kind = type(error).__name__
            log.error("account_not_opened", account_id=row.account_id, error=kind)  # noqa: TRY400
        return OpenAccount(
            row.account_id,
            row.account,
            channel,
            verifier,
            secrets,
            is_closed=row.closed_at is not None,
            is_servable=is_servable,
        )
