"""The books of other services, and reporting's own, as the ledger reads them; the audit log, as its witness asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import grpc
from accesskit.notes import public_key_of
from leadchain.permissions.v1 import audit_service_pb2 as audit_pb
from leadchain.permissions.v1.audit_service_pb2_grpc import AuditServiceStub
from servicekit.grpc_client import connect
from servicekit.v1 import book_service_pb2 as pb
from servicekit.v1.book_service_pb2_grpc import BookServiceStub

from reporting.domain.books import Book, Cell, Standing, Sum

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from accesskit.witness import Seen
    from servicekit.tls import TlsFiles
    from servicekit.v1.book_service_pb2_grpc import BookServiceServicer

DEADLINE_S = 5.0
PAGE_SIZE = 10_000
BOOK_SERVICE = "servicekit.v1.BookService"


class BookUnreachable(Exception):  # noqa: N818 - errors are named by what is wrong
    """A book could not be read; `service` is whose."""

    def __init__(self, service: str, code: str) -> None:
        super().__init__(f"the book of {service} could not be read: {code}")
        self.service = service
        self.code = code


class Keeper(Protocol):
    """Who can be asked for a book."""

    service: str

    async def book(self, since: datetime | None, until: datetime | None) -> Book:
        """The book of the items received in a span; raises `BookUnreachable`."""

    async def items(self, cell: Cell) -> dict[UUID, Standing]:
        """Every item of a cell; raises `BookUnreachable`."""


class RemoteBook:
    """Another service's book, over gRPC with a deadline for each call. The caller closes it."""

    def __init__(
        self,
        service: str,
        target: str,
        *,
        token: Callable[[], str] | None,
        tls: TlsFiles | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.service = service
        self._deadline_s = deadline_s
        self._target, self._token, self._tls = target, token, tls
        self._channel: grpc.aio.Channel | None = None

    async def book(self, since: datetime | None, until: datetime | None) -> Book:
        """The book of the items received in a span; raises `BookUnreachable`."""
        try:
            answer = await self._stub().GetBook(_span(since, until), timeout=self._deadline_s)
        except (grpc.aio.AioRpcError, OSError) as error:
            raise BookUnreachable(self.service, _code(error)) from error
        return _book(answer)

    async def items(self, cell: Cell) -> dict[UUID, Standing]:
        """Every item of a cell; raises `BookUnreachable`."""
        try:
            pages = _pages(self._stub().ListBookItems, cell, timeout=self._deadline_s)
            return {item: standing async for item, standing in pages}
        except (grpc.aio.AioRpcError, OSError) as error:
            raise BookUnreachable(self.service, _code(error)) from error

    async def close(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _stub(self) -> Any:
        if self._channel is None:
            self._channel = connect(
                self._target, token=self._token, tls=self._tls, idempotent=[BOOK_SERVICE]
            )
        return BookServiceStub(self._channel)


class OwnBook:
    """Reporting's own book, by the servicer that answers others."""

    def __init__(self, service: str, servicer: BookServiceServicer) -> None:
        self.service = service
        self._servicer: Any = servicer

    async def book(self, since: datetime | None, until: datetime | None) -> Book:
        """The book of the items received in a span."""
        return _book(await self._servicer.GetBook(_span(since, until), context=None))

    async def items(self, cell: Cell) -> dict[UUID, Standing]:
        """Every item of a cell."""
        pages = _pages(self._servicer.ListBookItems, cell, context=None)
        return {item: standing async for item, standing in pages}


class AuditLogUnreachable(Exception):  # noqa: N818 - errors are named by what is wrong
    """Permissions could not be asked about its audit log."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the audit log could not be asked: {code}")
        self.code = code


class AuditLog:
    """Permissions' audit log as a witness asks it. `channel` belongs to others; each call has a deadline, in seconds.

    Each method raises `AuditLogUnreachable` when there is no answer to go by.
    """

    def __init__(
        self, channel: Callable[[], grpc.aio.Channel], *, deadline_s: float = DEADLINE_S
    ) -> None:
        self._channel = channel
        self._deadline_s = deadline_s

    async def public_key(self) -> bytes:
        """The key that the log says it signs with, 32 bytes."""
        request = audit_pb.GetCheckpointRequest()
        answer = await self._answer(self._stub().GetCheckpoint, request)
        try:
            return public_key_of(answer.verifier_key if answer else "")
        except ValueError:
            raise AuditLogUnreachable("no key stated") from None

    async def prove(self, old_size: int, size: int) -> list[bytes] | None:
        """The proof that the log of one size is the beginning of that of another; None when it is not that long."""
        request = audit_pb.ProveConsistencyRequest(old_size=old_size, size=size)
        answer = await self._answer(self._stub().ProveConsistency, request)
        return None if answer is None else list(answer.path)

    async def co_sign(self, seen: Seen, line: str) -> bool:
        """Hands a signature line in; False when the log denies that it has sealed this."""
        request = audit_pb.CoSignRequest(size=seen.size, root=seen.root, signature_line=line)
        return await self._answer(self._stub().CoSign, request) is not None

    def _stub(self) -> Any:
        return AuditServiceStub(self._channel())

    async def _answer(self, call: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """The answer; None when what is asked about is not there, or is another one."""
        try:
            return await call(request, timeout=self._deadline_s)
        except (grpc.aio.AioRpcError, OSError) as error:
            code = _code(error)
            if code in _DENIALS:
                return None
            raise AuditLogUnreachable(code) from error


_DENIALS = {"NOT_FOUND", "FAILED_PRECONDITION"}


async def _pages(
    list_items: Callable[..., Any], cell: Cell, **options: Any
) -> AsyncIterator[tuple[UUID, Standing]]:
    request = pb.ListBookItemsRequest(channel=cell.channel, page_size=PAGE_SIZE)
    request.hour.FromDatetime(cell.hour)
    while True:
        page = await list_items(request, **options)
        for item in page.items:
            yield UUID(item.item_id), Standing(item.state)
        if len(page.items) < PAGE_SIZE:
            return
        request.after_item_id = page.items[-1].item_id


def _span(since: datetime | None, until: datetime | None) -> pb.GetBookRequest:
    request = pb.GetBookRequest()
    if since is not None:
        request.since.FromDatetime(since)
    if until is not None:
        request.until.FromDatetime(until)
    return request


def _book(answer: pb.GetBookResponse) -> Book:
    book: Book = {}
    for entry in answer.cells:
        cell = Cell(entry.channel, entry.hour.ToDatetime(tzinfo=UTC))
        total = Sum(entry.item_count, entry.checksum)
        book.setdefault(cell, {})[Standing(entry.state)] = total
    return book


def _code(error: Exception) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
