"""What a sender is given, and what every sender can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from notification.domain.addresses import Account, Address
    from notification.domain.kinds import Policy
    from notification.domain.letters import Letter, Style
    from notification.domain.people import Person
    from notification.domain.sending import Answer, Bundle
    from notification.senders.words import Words


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message: what it carries, to whom, where, and from which account."""

    bundle: Bundle
    person: Person
    address: Address
    account: Account | None
    policy: Policy
    words: Words

    def letter(self, style: Style) -> Letter:
        """What the message says, escaped for a style."""
        return self.words.letter(self.bundle, self.person, self.policy, style)

    @property
    def from_account(self) -> Account:
        """The account; raises `LookupError` where it is not configured, which whoever sends has looked at before."""
        if self.account is None:
            raise LookupError("the account is not configured")
        return self.account


class Sender(Protocol):
    """One medium. Whatever happens to a message is an answer, given within the sender's deadline."""

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
