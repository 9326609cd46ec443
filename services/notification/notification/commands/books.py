"""People, accounts and devices, written sealed and held open in memory for whoever routes and sends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from servicekit.sealing import SealingError

from notification.domain.addresses import Account, Address, Device
from notification.domain.media import Medium
from notification.domain.people import RECIPIENTS_MAX, Person, Presence, TooManyRecipients
from notification.store import recipients as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from servicekit.database import Database, UnitOfWork
    from servicekit.sealing import KeyRing

log = structlog.get_logger()

OVERLAP = timedelta(seconds=10)
"""How far back each refresh looks again: a transaction may commit that long after it stamped its rows."""

ACCOUNTS_MAX = 100


async def put_recipients(uow: UnitOfWork, people: Sequence[Person], *, keys: KeyRing) -> int:
    """Creates or changes people; returns how many were new, different or disabled before.

    Raises `TooManyRecipients` for more than 10,000.
    """
    if len(people) > RECIPIENTS_MAX:
        raise TooManyRecipients(f"at most {RECIPIENTS_MAX} recipients at a time")
    wanted = {person.recipient_id: person for person in people}
    rows = [row for row in await store.by_id(uow.raw, list(wanted)) if not row["disabled_at"]]
    known = {person.recipient_id: person for person in await _opened(uow.raw, rows, keys)}
    changed = [p for p in wanted.values() if known.get(p.recipient_id) != _in_order(p)]
    if changed:
        await store.put(
            uow.raw,
            [_person_row(person, keys) for person in changed],
            [row for person in changed for row in _address_rows(person, keys)],
        )
    return len(changed)


async def put_accounts(uow: UnitOfWork, accounts: Sequence[Account], *, keys: KeyRing) -> int:
    """Creates or replaces accounts; returns how many. Raises `TooManyRecipients` for more than 100."""
    if len(accounts) > ACCOUNTS_MAX:
        raise TooManyRecipients(f"at most {ACCOUNTS_MAX} accounts at a time")
    wanted = {account.account_id: account for account in accounts}
    rows = [
        (
            each.account_id,
            each.medium.value,
            each.url,
            keys.seal(json.dumps(dict(each.settings)).encode(), _account_context(each.account_id)),
            each.messages_per_min,
        )
        for each in wanted.values()
    ]
    if rows:
        await store.put_accounts(uow.raw, rows)
    return len(rows)


async def report_presence(
    uow: UnitOfWork, recipient_id: str, device: Device, *, is_online: bool, seen_at: datetime
) -> None:
    """Keeps what a device says of itself; nothing from the future."""
    await store.report_presence(
        uow.raw,
        recipient_id,
        device.value,
        is_online=is_online,
        seen_at=min(seen_at, uow.now),
    )


class AddressBook:
    """Everybody who can be reached, every account and every device, as of the last `refresh`."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys
        self._people: dict[str, Person] = {}
        self._accounts: dict[str, Account] = {}
        self._presences: dict[str, dict[Device, Presence]] = {}
        self._seen_until: dict[str, datetime] = {}

    @property
    def accounts(self) -> list[Account]:
        """Every account, by id."""
        return [account for _, account in sorted(self._accounts.items())]

    def person(self, recipient_id: str) -> Person | None:
        """Somebody, with the devices they are at; None for nobody known, or disabled."""
        person = self._people.get(recipient_id)
        presences = self._presences.get(recipient_id)
        return replace(person, presences=presences) if person and presences else person

    def is_reachable(self, recipient_id: str) -> bool:
        """Whether somebody was put as a recipient and has an address that works."""
        person = self._people.get(recipient_id)
        return person is not None and bool(person.addresses)

    def account(self, account_id: str) -> Account | None:
        """An account; None when there is none of this id."""
        return self._accounts.get(account_id)

    async def refresh(self) -> bool:
        """Takes over what changed in the database; false, so that a worker rests after it."""
        async with self._database.raw() as raw:
            rows = await store.changed_after(raw, self._since("people"))
            people = await _opened(raw, [row for row in rows if not row["disabled_at"]], self._keys)
            accounts = await store.accounts_changed_after(raw, self._since("accounts"))
            presences = await store.presences_changed_after(raw, self._since("presences"))
        for row in rows:
            self._people.pop(row["recipient_id"], None)
        self._people |= {person.recipient_id: person for person in people}
        self._take_accounts(accounts)
        for row in presences:
            of_person = self._presences.setdefault(row["recipient_id"], {})
            of_person[Device(row["device"])] = Presence(row["is_online"], row["seen_at"])
        self._note("people", rows)
        self._note("accounts", accounts)
        self._note("presences", presences)
        return False

    def _take_accounts(self, rows: Sequence[Any]) -> None:
        for row in rows:
            account_id = row["account_id"]
            settings = _unsealed(row["sealed_settings"], _account_context(account_id), self._keys)
            if settings is not None:
                self._accounts[account_id] = Account(
                    account_id,
                    Medium(row["medium"]),
                    row["url"],
                    json.loads(settings),
                    row["messages_per_min"],
                )

    def _since(self, what: str) -> datetime | None:
        seen = self._seen_until.get(what)
        return seen - OVERLAP if seen else None

    def _note(self, what: str, rows: Sequence[Any]) -> None:
        for row in rows:
            changed_at = row["changed_at"]
            self._seen_until[what] = max(self._seen_until.get(what, changed_at), changed_at)


async def _opened(raw: Any, rows: Sequence[Any], keys: KeyRing) -> list[Person]:
    """People from their rows, with their addresses; one sealed with a key that is gone is left out."""
    if not rows:
        return []
    by_person: dict[str, list[Address]] = {row["recipient_id"]: [] for row in rows}
    for row in rows:
        if row["webhook_url"] is not None:
            secret = _unsealed(row["sealed_secret"], _secret_context(row["recipient_id"]), keys)
            if secret is not None:
                address = Address(Medium.WEBHOOK, row["webhook_url"], _written(secret))
                by_person[row["recipient_id"]].append(address)
    for row in await store.addresses_of(raw, list(by_person)):
        context = _address_context(row["recipient_id"], row["medium"], row["device"])
        sealed = _unsealed(row["sealed"], context, keys)
        if sealed is not None:
            by_person[row["recipient_id"]].append(_address(row, json.loads(sealed)))
    return [
        _in_order(
            Person(row["recipient_id"], by_person[row["recipient_id"]], row["locale"], row["zone"])
        )
        for row in rows
    ]


def _address(row: Any, place: dict[str, str]) -> Address:
    return Address(
        medium=Medium(row["medium"]),
        to=place["to"],
        secret=place["secret"],
        account_id=row["account_id"],
        device=Device(row["device"]),
    )


def _in_order(person: Person) -> Person:
    ordered = sorted(person.addresses, key=lambda a: (a.medium.value, a.device.value))
    return replace(person, addresses=ordered)


def _person_row(person: Person, keys: KeyRing) -> tuple[str, str | None, bytes | None, str, str]:
    webhook = next((a for a in person.addresses if a.medium is Medium.WEBHOOK), None)
    sealed = None
    if webhook is not None:
        from notification.domain.addresses import parsed_secret

        sealed = keys.seal(parsed_secret(webhook.secret), _secret_context(person.recipient_id))
    url = webhook.to if webhook else None
    return person.recipient_id, url, sealed, person.locale, person.zone


def _address_rows(person: Person, keys: KeyRing) -> list[tuple[str, str, str, str, bytes]]:
    rows = []
    for address in person.addresses:
        if address.medium is not Medium.WEBHOOK:
            medium, device = address.medium.value, address.device.value
            place = json.dumps({"to": address.to, "secret": address.secret}).encode()
            context = _address_context(person.recipient_id, medium, device)
            row = (person.recipient_id, medium, device, address.account_id)
            rows.append((*row, keys.seal(place, context)))
    return rows


def _unsealed(sealed: bytes, context: bytes, keys: KeyRing) -> bytes | None:
    try:
        return keys.open(sealed, context)
    except SealingError as error:
        log.warning("address_not_opened", error=type(error).__name__)
        return None


def _written(secret: bytes) -> str:
    import base64

    from notification.domain.addresses import SECRET_PREFIX

    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _secret_context(recipient_id: str) -> bytes:
    return b"recipients/secret/" + recipient_id.encode()


def _address_context(recipient_id: str, medium: str, device: str) -> bytes:
    return f"addresses/{recipient_id}/{medium}/{device}".encode()


def _account_context(account_id: str) -> bytes:
    return b"accounts/" + account_id.encode()
