"""The errors table: what each family means at the gRPC, HTTP and bus edges."""

import asyncpg
import pytest
import sqlalchemy.exc
from asyncpg.exceptions import _base
from servicekit.errors import (
    Ack,
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    InvalidMessage,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    new_error_id,
    outcome_of,
)


class NoDeskForRegion(Conflict):
    """A domain error with data."""

    def __init__(self, region: str) -> None:
        super().__init__(f"no desk covers {region}")
        self.region = region


class _LostStatementError(Exception):
    """Looks like a statement error whose driver connection has gone."""

    connection_invalidated = True


@pytest.mark.parametrize(
    ("error", "grpc_code", "http_status", "ack"),
    [
        (Invalid("x"), "INVALID_ARGUMENT", 422, Ack.QUARANTINE),
        (NotFound("x"), "NOT_FOUND", 404, Ack.RETRY),
        (Conflict("x"), "FAILED_PRECONDITION", 409, Ack.RETRY),
        (AlreadyExists("x"), "ALREADY_EXISTS", 409, Ack.RETRY),
        (Unauthenticated("x"), "UNAUTHENTICATED", 401, Ack.RETRY),
        (Forbidden("x"), "PERMISSION_DENIED", 403, Ack.RETRY),
        (TooLarge("x"), "RESOURCE_EXHAUSTED", 413, Ack.QUARANTINE),
        (TooMany("x"), "RESOURCE_EXHAUSTED", 429, Ack.RETRY),
        (Unavailable("x"), "UNAVAILABLE", 503, Ack.RETRY),
        (InvalidMessage("x"), "INVALID_ARGUMENT", 422, Ack.QUARANTINE),
    ],
)
def test_each_family_has_one_meaning_at_every_edge(
    error: Exception, grpc_code: str, http_status: int, ack: Ack
) -> None:
    outcome = outcome_of(error)

    assert (outcome.grpc_code, outcome.http_status, outcome.ack) == (grpc_code, http_status, ack)
    assert outcome.expected
    assert outcome.text == "x"


def test_a_domain_error_takes_the_meaning_of_its_family() -> None:
    outcome = outcome_of(NoDeskForRegion("north"))

    assert outcome.grpc_code == "FAILED_PRECONDITION"
    assert outcome.text == "no desk covers north"


def test_an_unexpected_error_is_internal_retried_and_tells_the_caller_nothing() -> None:
    outcome = outcome_of(KeyError("13800138001"))

    assert (outcome.grpc_code, outcome.http_status, outcome.ack) == ("INTERNAL", 500, Ack.RETRY)
    assert not outcome.expected
    assert outcome.text == "internal error"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("db:5432"),
        OSError("no route"),
        TimeoutError(),
        asyncpg.PostgresConnectionError("lost"),
        asyncpg.ConnectionDoesNotExistError("lost"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.InterfaceError("connection is closed"),
        sqlalchemy.exc.InterfaceError("select", {}, OSError()),
        sqlalchemy.exc.TimeoutError("pool"),
        _LostStatementError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_dependency_is_unavailable_and_says_when_to_come_back(error: Exception) -> None:
    outcome = outcome_of(error)

    assert (outcome.grpc_code, outcome.http_status, outcome.ack) == ("UNAVAILABLE", 503, Ack.RETRY)
    assert outcome.retry_after_s == 1.0
    assert outcome.text == "temporarily unavailable"


def test_a_violated_constraint_is_a_defect_and_not_a_lost_dependency() -> None:
    outcome = outcome_of(asyncpg.UniqueViolationError("Key (phone)=(13800138001) exists"))

    assert outcome.grpc_code == "INTERNAL"
    assert "13800138001" not in outcome.text


def test_the_seconds_to_wait_travel_with_the_error() -> None:
    assert outcome_of(Unavailable("busy", retry_after_s=7)).retry_after_s == 7
    assert outcome_of(TooMany("slow down", retry_after_s=3)).retry_after_s == 3
    assert outcome_of(Conflict("no")).retry_after_s is None


def test_error_ids_are_distinct() -> None:
    assert len({new_error_id() for _ in range(1000)}) == 1000


def test_an_argument_that_cannot_be_encoded_is_a_defect_and_not_a_lost_dependency() -> None:
    assert (
        outcome_of(_base.DataError("invalid input for query argument $1")).grpc_code == "INTERNAL"
    )
