"""Accounts of channels: who may deliver, and with which secrets. Every change of one is two people's decision."""

from __future__ import annotations

import hashlib
import secrets as random_secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
from accesskit.canonical import canonical_json
from accesskit.facts import BadName, checked_name
from servicekit.errors import Conflict, Invalid, NotFound
from servicekit.sealing import SealingError

from lead_intake.accounts import Secrets, verifier_for
from lead_intake.commands.configuration_changes import ACCOUNT_KIND, record_change
from lead_intake.domain.leads import AccountId
from lead_intake.mappings import NotServable
from lead_intake.store import accounts as account_rows
from lead_intake.store import configuration_changes as changes
from lead_intake.verifiers.protocol import SECRETS_MAX, InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from servicekit.database import Database, UnitOfWork

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.clients import Approvals
    from lead_intake.commands.configuration_changes import Permit
    from lead_intake.mappings import Catalogue
    from lead_intake.seals import Seals
    from lead_intake.store.accounts import SealedAccount

NAME_LENGTH_MAX = 100
RPS_MAX = 100_000.0
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Office:
    """With what accounts are changed: where they are kept, whom to ask, what is installed, the keys."""

    database: Database
    approvals: Approvals
    catalogue: Catalogue
    seals: Seals


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as an operator asks for it; `rps` None is the channel's own rate."""

    channel: str
    account: str
    secrets: Secrets
    template: str = ""
    rps: float | None = None

    @property
    def resource_id(self) -> str:
        """How approvals and changes name it."""
        return f"{self.channel}/{self.account}"


async def put_account(office: Office, new: NewAccount, permit: Permit) -> str:
    """Creates, changes or reopens an account; returns the path for its deliveries, the same as long as it exists.

    The approval is bound to a digest of everything that is put. Raises `Invalid` for a channel or template that is not
    installed, a bad name or unusable secrets, and what `Approvals.use` raises.
    """
    channel = _checked(new, office.catalogue)
    await _check_mapping_fits(new, office)
    wanted = _described(new, office.seals)
    digest = hashlib.sha256(canonical_json(wanted)).hexdigest()
    await office.approvals.use(
        permit.approval_id,
        kind=ACCOUNT_KIND,
        resource_id=new.resource_id,
        params={"change": "put", "sha256": digest},
        key=f"put/{digest}",
    )
    async with office.database.unit_of_work() as uow:
        sealed_key = await _put(uow, office, new, permit, channel=channel, wanted=wanted)
    key = office.seals.open_key(sealed_key, new.channel, new.account)
    return f"/in/v1/{new.channel}/{key}"


async def remove_account(office: Office, channel: str, account: str, permit: Permit) -> datetime:
    """Closes an account, whose address is unknown from then on; returns since when. Putting it again reopens it.

    Raises `NotFound`, `Conflict` for an approval that closed it before it was reopened, and what `Approvals.use`
    raises.
    """
    resource_id = f"{channel}/{account}"
    async with office.database.raw() as raw:
        row = await account_rows.find(raw, channel, account)
    if row is None:
        raise NotFound("no such account")
    if row.closed_at is not None:
        return row.closed_at
    await office.approvals.use(
        permit.approval_id,
        kind=ACCOUNT_KIND,
        resource_id=resource_id,
        params={"change": "close"},
        key="close",
    )
    async with office.database.unit_of_work() as uow:
        return await _close(uow, office, row, permit)


async def _close(uow: UnitOfWork, office: Office, found: SealedAccount, permit: Permit) -> datetime:
    row = await account_rows.lock(uow.raw, found.channel, found.account)
    if row is None:
        raise NotFound("no such account")
    if row.closed_at is not None:
        return row.closed_at
    resource_id = f"{row.channel}/{row.account}"
    if await changes.was_used(
        uow.raw, permit.approval_id, kind=ACCOUNT_KIND, resource_id=resource_id
    ):
        raise Conflict("by this approval the account was closed before, and opened since")
    await account_rows.close(uow.raw, row.account_id, at=uow.now)
    old = _described(_as_kept(row, office.seals), office.seals)
    await record_change(uow, permit, kind=ACCOUNT_KIND, resource_id=resource_id, old=old, new=None)
    return uow.now


async def _put(
    uow: UnitOfWork,
    office: Office,
    new: NewAccount,
    permit: Permit,
    *,
    channel: ChannelFile,
    wanted: Mapping[str, Any],
) -> bytes:
    before = await account_rows.lock(uow.raw, new.channel, new.account)
    if before is not None and await changes.was_used(
        uow.raw, permit.approval_id, kind=ACCOUNT_KIND, resource_id=new.resource_id
    ):
        return await account_rows.sealed_key_of(uow.raw, new.channel, new.account)
    is_open = before is not None and before.closed_at is None
    old = _described(_as_kept(before, office.seals), office.seals) if before and is_open else None
    if old == wanted and not permit.approval_id:
        return await account_rows.sealed_key_of(uow.raw, new.channel, new.account)
    row, sealed_key = _sealed(new, channel, office.seals)
    kept = await account_rows.put(uow.raw, row, sealed_key=sealed_key)
    await record_change(
        uow, permit, kind=ACCOUNT_KIND, resource_id=new.resource_id, old=old, new=wanted
    )
    return kept


def _sealed(new: NewAccount, channel: ChannelFile, seals: Seals) -> tuple[SealedAccount, bytes]:
    """The account's row, and the sealed key that it has if it is new."""
    key = random_secrets.token_urlsafe(24)
    secrets = msgspec.json.encode(new.secrets)
    row = account_rows.SealedAccount(
        account_id=AccountId(0),
        channel=new.channel,
        account=new.account,
        key_hmac=seals.account_keys.of(key),
        sealed_secrets=seals.seal_secrets(secrets, new.channel, new.account),
        is_lead_channel=channel.is_lead_channel,
        template=new.template,
        rps=new.rps,
    )
    return row, seals.seal_key(key, new.channel, new.account)


def _checked(new: NewAccount, catalogue: Catalogue) -> ChannelFile:
    """The rules that the account is to be served by; raises `Invalid`."""
    try:
        channel = catalogue.base(new.channel, new.template)
    except NotServable:
        what = "template of the channel" if new.template else "channel"
        raise Invalid(f"no such {what} is installed") from None
    _check_name(new)
    if new.rps is not None and not 0 < new.rps <= RPS_MAX:
        raise Invalid(f"a rate is above 0 and at most {RPS_MAX:.0f} deliveries a second")
    if max(len(new.secrets.signing), len(new.secrets.encryption)) > SECRETS_MAX:
        raise Invalid(f"an account has at most {SECRETS_MAX} active secrets of a kind")
    try:
        verifier_for(channel, new.account, new.secrets)
    except InvalidSecret as error:
        raise Invalid(str(error)) from None
    return channel


async def _check_mapping_fits(new: NewAccount, office: Office) -> None:
    """Raises `Invalid` when the account's own mapping could not be laid over another template."""
    async with office.database.raw() as raw:
        row = await account_rows.find(raw, new.channel, new.account)
    if row is None:
        return
    try:
        office.catalogue.rules_of(replace(row, template=new.template))
    except NotServable as error:
        raise Invalid(f"the account's mapping does not fit: {error}") from None


def _check_name(new: NewAccount) -> None:
    if not 0 < len(new.account) <= NAME_LENGTH_MAX or not new.account.isprintable():
        raise Invalid(f"an account's name is 1 to {NAME_LENGTH_MAX} printable characters")
    try:
        checked_name(new.resource_id, "the account's name")
    except BadName as error:
        raise Invalid(str(error)) from None


def _described(new: NewAccount | None, seals: Seals) -> dict[str, Any]:
    """An account without its secrets: keyed digests stand for them, so that a change of one shows."""
    if new is None:
        return {"secrets": UNREADABLE}
    secrets = msgspec.to_builtins(new.secrets)
    return {
        "template": new.template,
        "rps": new.rps,
        "secrets": {name: _digested(value, seals) for name, value in secrets.items() if value},
    }


def _digested(value: Any, seals: Seals) -> Any:
    if isinstance(value, dict):
        return {name: _digested(each, seals) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_digested(each, seals) for each in value]
    return seals.secrets.of(value).hex()[:32]


def _as_kept(row: SealedAccount, seals: Seals) -> NewAccount | None:
    """The account as it was put; None when its secrets cannot be opened."""
    try:
        opened = seals.open_secrets(row.sealed_secrets, row.channel, row.account)
        secrets = msgspec.json.decode(opened, type=Secrets)
    except (SealingError, msgspec.DecodeError):
        return None
    return NewAccount(row.channel, row.account, secrets, row.template, row.rps)
