"""What a contract says its caller needs, and a host that asks before it answers."""

import json
from datetime import UTC, datetime

import grpc
import pytest
from servicekit.access import CONSISTENCY_METADATA, Need, needs_of
from servicekit.auth import LOCAL_ISSUER, TokenVerifier, mint_token, new_signing_key
from servicekit.errors import Forbidden, Invalid
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer
from servicekit.v1 import book_service_pb2, book_service_pb2_grpc, operations_service_pb2
from servicekit.v1.book_service_pb2_grpc import BookServiceStub, add_BookServiceServicer_to_server

OPERATIONS = "servicekit.v1.OperationsService"


def test_a_contract_says_what_its_caller_needs():
    assert needs_of(OPERATIONS)["GetBacklog"] == Need("operate", "platform")


def test_of_a_service_without_a_contract_nothing_is_known():
    assert needs_of("weather.v1.WeatherService") == {}


def test_without_a_field_and_an_id_the_resource_is_the_service_itself():
    request = book_service_pb2.GetBookRequest()

    assert Need("read_book", "platform").resource_ids(request, own_id="identity") == ("identity",)
    named = Need("read", "audit_log", resource_id="permissions")
    assert named.resource_ids(request, own_id="identity") == ("permissions",)


def test_each_of_several_ids_must_be_named():
    need = Need("replay", "dead_letter", resource_field="event_ids")
    request = operations_service_pb2.ReplayDeadLettersRequest(event_ids=["a", "b"])

    assert need.resource_ids(request, own_id="identity") == ("a", "b")
    with pytest.raises(Invalid):
        need.resource_ids(
            operations_service_pb2.ReplayDeadLettersRequest(event_ids=["a", ""]), own_id=""
        )
    with pytest.raises(Invalid):
        need.resource_ids(operations_service_pb2.ReplayDeadLettersRequest(), own_id="")


class Book(book_service_pb2_grpc.BookServiceServicer):
    """Answers, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    async def GetBook(self, _request, _context):
        """An empty book."""
        self.calls += 1
        return book_service_pb2.GetBookResponse()


class Doorkeeper:
    """Lets in whom it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    async def permit(self, caller, need, _request, *, consistency_token):
        """Only reporting may."""
        self.asked.append((caller.subject, need.action, consistency_token))
        if caller.subject != "reporting":
            raise Forbidden("read_book: no_rule")


@pytest.fixture
def signed_in(tmp_path):
    """A verifier, and tokens that it accepts."""
    private, public = new_signing_key()
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    verifier = TokenVerifier(tmp_path / "jwks.json", issuer=LOCAL_ISSUER, audience="leadchain")

    def token(subject):
        return mint_token(
            private,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=60,
            now=datetime.now(UTC),
        )

    return verifier, token


async def test_a_host_asks_its_guard_before_the_servicer(signed_in):
    verifier, token = signed_in
    book, doorkeeper = Book(), Doorkeeper()
    server = GrpcServer("127.0.0.1", 0, verifier=verifier)
    server.add(add_BookServiceServicer_to_server, book, "servicekit.v1.BookService")
    server.guard_with(doorkeeper)
    await server.start()
    try:
        for subject in ("reporting", "stranger"):
            held = token(subject)
            async with connect(f"127.0.0.1:{server.port}", token=lambda held=held: held) as channel:
                call = BookServiceStub(channel).GetBook(
                    book_service_pb2.GetBookRequest(), metadata=((CONSISTENCY_METADATA, "v1.x.7"),)
                )
                if subject == "reporting":
                    await call
                else:
                    with pytest.raises(grpc.aio.AioRpcError) as refused:
                        await call
    finally:
        await server.stop()

    assert (refused.value.code().name, refused.value.details()) == (
        "PERMISSION_DENIED",
        "read_book: no_rule",
    )
    assert doorkeeper.asked == [
        ("reporting", "read_book", "v1.x.7"),
        ("stranger", "read_book", "v1.x.7"),
    ]
    assert book.calls == 1


async def test_a_guarded_host_with_an_rpc_that_says_nothing_does_not_start():
    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)
    server.guard_with(Doorkeeper())

    def add_silent(_, registrar):
        method = grpc.unary_unary_rpc_method_handler(Book().GetBook)
        registrar.add_registered_method_handlers("test.v1.SilentService", {"Say": method})

    server.add(add_silent, object(), "test.v1.SilentService")
    with pytest.raises(ValueError, match=r"test\.v1\.SilentService/Say"):
        await server.start()
