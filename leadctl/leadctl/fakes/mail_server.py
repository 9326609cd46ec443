"""A stand-in for a mail server: takes mail over SMTP on loopback and shows it; refuses whom it is told to."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from dataclasses import dataclass, field

from leadctl.fakes.message_vendors import LINK

MAIL_BYTES_MAX = 1024 * 1024
LINE_TIMEOUT_S = 30.0
MAILBOX = re.compile(r"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that was taken."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str

    @property
    def links(self) -> tuple[str, ...]:
        """The links that a reader can open."""
        return tuple(dict.fromkeys(LINK.findall(self.text)))


@dataclass
class MailServer:
    """Speaks enough SMTP for one sender at a time per connection.

    `refusals` are the replies to the next recipients, such as `451 later`. Mailboxes in `strangers` get 550.
    """

    host: str = "127.0.0.1"
    strangers: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listens on `port`, or on a free one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Ends every connection."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        await _say(writer, "220 stand-in")
        while line := await _line(reader):
            verb = line[:4].upper()
            match verb:
                case "EHLO":
                    await _say(writer, "250-stand-in\r\n250 8BITMIME")
                case "RCPT":
                    to, reply = self._recipient(line)
                    await _say(writer, reply)
                case "DATA":
                    await _say(writer, "354 go on")
                    self._keep(to, await _mail(reader))
                    await _say(writer, "250 taken")
                case "QUIT":
                    await _say(writer, "221 bye")
                    return
                case _:
                    await _say(writer, "250 ok")

    def _recipient(self, line: str) -> tuple[str, str]:
        found = MAILBOX.search(line)
        to = found[1] if found else ""
        if self.refusals:
            return "", self.refusals.pop(0)
        return ("", "550 no such box") if to in self.strangers else (to, "250 ok")

    def _keep(self, to: str, raw: bytes) -> None:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        plain, html = message.get_body(("plain",)), message.get_body(("html",))
        self.mails.append(
            Mail(
                to=to,
                subject=str(message["Subject"]),
                text=plain.get_content() if plain else "",
                html=html.get_content() if html else "",
                message_id=str(message["Message-ID"]),
            )
        )


async def _line(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(LINE_TIMEOUT_S):
        return (await reader.readline()).decode("latin-1").strip()


async def _mail(reader: asyncio.StreamReader) -> bytes:
    lines: list[bytes] = []
    size = 0
    async with asyncio.timeout(LINE_TIMEOUT_S):
        while (line := await reader.readline()) not in {b".\r\n", b""}:
            size += len(line)
            if size > MAIL_BYTES_MAX:
                raise ConnectionError("the mail is too large")
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines)


async def _say(writer: asyncio.StreamWriter, reply: str) -> None:
    writer.write(f"{reply}\r\n".encode())
    await writer.drain()
