"""Accounts of channels: who may deliver, and with which secrets."""

from __future__ import annotations

import secrets as random_secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from servicekit.errors import Invalid

from lead_intake.domain.leads import AccountId
from lead_intake.store import accounts as account_rows
from lead_intake.verifiers.schemes import SECRETS_MAX, VERIFIERS, InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import UnitOfWork

    from lead_intake.accounts import Secrets
    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.seals import Seals

NAME_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as an operator asks for it."""

    channel: str
    account: str
    secrets: Secrets


async def put_account(
    uow: UnitOfWork, new: NewAccount, *, channels: Mapping[str, ChannelFile], seals: Seals
) -> str:
    """Creates or changes an account; returns the path for its deliveries, the same as long as it exists.

    Raises `Invalid` for a channel that is not installed, a bad name or unusable secrets.
    """
    _check_account(new, channels)
    key = random_secrets.token_urlsafe(24)
    row = account_rows.SealedAccount(
        account_id=AccountId(0),
        channel=new.channel,
        account=new.account,
        key_hmac=seals.account_keys.of(key),
        sealed_secrets=seals.seal_secrets(
            msgspec.json.encode(new.secrets), new.channel, new.account
        ),
    )
    sealed_key = await account_rows.put(
        uow.raw, row, sealed_key=seals.seal_key(key, new.channel, new.account)
    )
    return f"/in/v1/{new.channel}/{seals.open_key(sealed_key, new.channel, new.account)}"


def _check_account(new: NewAccount, channels: Mapping[str, ChannelFile]) -> None:
    channel = channels.get(new.channel)
    if channel is None:
        raise Invalid("no such channel is installed")
    if not 0 < len(new.account) <= NAME_LENGTH_MAX or not new.account.isprintable():
        raise Invalid(f"an account's name is 1 to {NAME_LENGTH_MAX} printable characters")
    if not 0 < len(new.secrets.signing) <= SECRETS_MAX:
        raise Invalid(f"an account has 1 to {SECRETS_MAX} active secrets")
    try:
        VERIFIERS[channel.door.verify_kind](new.secrets.signing)
    except InvalidSecret as error:
        raise Invalid(str(error)) from None
