"""Mail over SMTP: encrypted, one connection a message, plain text beside HTML."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiosmtplib

from notification.domain.letters import Style
from notification.domain.reminders import Reason
from notification.domain.sending import Accepted, Rejected, Unknown
from notification.senders.layouts import html_page, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification.domain.addresses import Account
    from notification.domain.sending import Answer
    from notification.senders.envelopes import Envelope

DEADLINE_S = 5.0
NO_SUCH_BOX = frozenset({550, 551, 553})


class MailSender:
    """Mail of ours; every try has the same `Message-ID`, by which readers, but not servers, drop a second one."""

    def __init__(self, clock: Callable[[], datetime], *, deadline_s: float = DEADLINE_S) -> None:
        self._clock = clock
        self._deadline_s = deadline_s

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one mail once."""
        message = _message(envelope, self._clock())
        account = envelope.from_account
        try:
            async with asyncio.timeout(self._deadline_s):
                await aiosmtplib.send(
                    message,
                    sender=account.settings["from"],
                    recipients=[envelope.address.to],
                    timeout=self._deadline_s,
                    **_server(account),
                )
        except TimeoutError:
            return Unknown(self._clock(), Reason.TIMEOUT, "no answer in time")
        except aiosmtplib.SMTPException as error:
            return self._answer(error)
        except (OSError, ValueError) as error:
            return Unknown(self._clock(), Reason.UNREACHABLE, type(error).__name__)
        return Accepted(self._clock(), str(message["Message-ID"]))

    def _answer(self, error: aiosmtplib.SMTPException) -> Answer:
        """4xx passes by itself, 5xx does not; what broke in between may have been sent."""
        match error:
            case aiosmtplib.SMTPRecipientsRefused(recipients=[first, *_]):
                return self._refused(first.code, gone=first.code in NO_SUCH_BOX)
            case aiosmtplib.SMTPConnectError() | aiosmtplib.SMTPServerDisconnected():
                return Unknown(self._clock(), Reason.UNREACHABLE, type(error).__name__)
            case aiosmtplib.SMTPResponseException(code=code):
                return self._refused(code, gone=False)
        return Rejected(self._clock(), type(error).__name__, retryable=True)

    def _refused(self, code: int, *, gone: bool) -> Rejected:
        return Rejected(self._clock(), f"smtp {code}", retryable=code < 500, is_gone=gone)


def _server(account: Account) -> dict[str, Any]:
    place = urlsplit(account.url)
    tls = account.settings.get("tls") or "starttls"
    return {
        "hostname": place.hostname,
        "port": place.port,
        "use_tls": tls == "implicit",
        "start_tls": tls == "starttls",
        "username": account.settings.get("username") or None,
        "password": account.settings.get("password") or None,
    }


def _message(envelope: Envelope, now: datetime) -> EmailMessage:
    sender = envelope.from_account.settings["from"]
    plain, html = envelope.letter(Style.PLAIN), envelope.letter(Style.HTML)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = envelope.address.to
    message["Subject"] = plain.title
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{envelope.bundle.bundle_id}@{sender.rpartition('@')[2].strip('>')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain_text(plain))
    message.add_alternative(html_page(html), subtype="html")
    return message
