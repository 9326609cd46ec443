"""Who principals are never changes, and what was void stays void."""

from typing import Any

import pytest
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import facts_service_pb2 as pb

from .conftest import Door


def a_request(*principals: changes_pb2.Principal) -> pb.PutPrincipalsRequest:
    return pb.PutPrincipalsRequest(principals=principals)


def a_principal(id_: str = "cyn", **changed: Any) -> changes_pb2.Principal:
    return changes_pb2.Principal(**{"id": id_, "type": "user", "status": "active", **changed})


async def put(door: Door, *principals: changes_pb2.Principal) -> str:
    token: str = (await door.call("PutPrincipals", a_request(*principals))).token
    return token


async def epoch_of(door: Door, id_: str = "cyn") -> int:
    known = (await door.replica()).principal(id_)
    assert known is not None
    return known.epoch


async def test_a_new_principal_begins_with_the_first_epoch(door: Door) -> None:
    await put(door, a_principal())

    assert await epoch_of(door) == 1


async def test_the_same_statement_twice_is_one_effect(door: Door) -> None:
    first = await put(door, a_principal())

    assert await put(door, a_principal()) == first


@pytest.mark.parametrize("status", ["suspended", "departed"])
async def test_tokens_from_before_an_absence_stay_void(door: Door, status: str) -> None:
    await put(door, a_principal())

    await put(door, a_principal(status=status))
    await put(door, a_principal(status="active"))

    assert await epoch_of(door) == 2


async def test_an_epoch_never_goes_back(door: Door) -> None:
    await put(door, a_principal(epoch=5))

    code, _ = await door.refusal("PutPrincipals", a_request(a_principal(epoch=4)))

    assert (code, await epoch_of(door)) == ("FAILED_PRECONDITION", 5)


async def test_a_person_does_not_become_a_service(door: Door) -> None:
    code, _ = await door.refusal("PutPrincipals", a_request(a_principal("ana", type="service")))

    assert code == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    "principals",
    [
        [],
        [a_principal(), a_principal()],
        [a_principal(type="robot")],
        [a_principal(status="")],
        [a_principal(epoch=2**32 - 1)],
        [a_principal("")],
        [a_principal("c\u202eyn")],
        [a_principal("*"), a_principal("a:b")],
    ],
)
async def test_what_is_no_principal_is_refused(
    door: Door, principals: list[changes_pb2.Principal]
) -> None:
    code, _ = await door.refusal("PutPrincipals", a_request(*principals))

    assert code == "INVALID_ARGUMENT"


async def test_more_than_a_thousand_at_once_are_refused(door: Door) -> None:
    many = [a_principal(f"p-{number}") for number in range(1001)]

    code, _ = await door.refusal("PutPrincipals", a_request(*many))

    assert code == "RESOURCE_EXHAUSTED"
    assert await put(door, *many[1:])
