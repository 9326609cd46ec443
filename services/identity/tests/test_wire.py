"""What identity reads of a lead, and what it refuses to read."""

import base64
from collections.abc import Callable

import pytest
from identity.commands.reading import factors
from identity.domain import customers as domain
from identity.domain.golden_ids import Factors, GoldenIdKeys
from identity.settings import Settings
from identity.wire.leads import LeadReader
from leadchain.identity.v1.events_pb2 import MatchBasis
from leadchain.intake.v1.events_pb2 import LeadReceived
from pydantic import SecretStr
from servicekit.errors import InvalidMessage
from servicekit.events import new_id
from servicekit.sealing import InvalidKey, KeyRing, UnknownKey

Received = Callable[..., LeadReceived]


def test_a_lead_states_what_its_contact_says(reader: LeadReader, received: Received) -> None:
    event = received(phone="+8613800138001", uscc="91440300MA5EXAMP1F")

    statement = reader.arrival(event).statement

    assert (statement.system, statement.source_key) == ("lead", event.lead_id)
    assert statement.fields == {
        "name": "钱伟国",
        "phone": "+8613800138001",
        "uscc": "91440300MA5EXAMP1F",
        "city": "深圳",
    }


@pytest.mark.parametrize("phone", ["", "138****8001", "+86138****8001", "+86 x"])
def test_only_a_complete_number_names_a_customer(
    reader: LeadReader, received: Received, phone: str
) -> None:
    keys = GoldenIdKeys({"k1": b"g" * 32})

    minted = [
        keys.mint(factors(reader.arrival(received(phone=phone)).statement))[0] for _ in range(2)
    ]

    assert minted[0].golden_id != minted[1].golden_id


def test_each_extension_of_a_switchboard_is_another_phone(
    reader: LeadReader, received: Received
) -> None:
    stated = [
        factors(reader.arrival(received(phone="+8675526123456", extension=extension)).statement)
        for extension in ("8001", "8002", "8001", "")
    ]

    assert stated[0].phone == stated[2].phone
    assert len({each.phone for each in stated}) == 3


def test_a_contact_of_another_lead_is_never_read(reader: LeadReader, received: Received) -> None:
    event = received()
    event.lead_id = new_id()

    with pytest.raises(InvalidMessage, match="SealBroken"):
        reader.arrival(event)


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"not sealed at all", b"\x01\x04test" + b"0" * 40]
)
def test_what_is_no_sealed_contact_is_never_read(
    reader: LeadReader, received: Received, sealed: bytes
) -> None:
    event = received()
    event.facts.sealed_contact = sealed

    with pytest.raises(InvalidMessage):
        reader.arrival(event)


def test_a_lead_without_an_id_is_never_read(reader: LeadReader, received: Received) -> None:
    event = received()
    event.lead_id = "lead-1"

    with pytest.raises(InvalidMessage, match="lead_id"):
        reader.arrival(event)


def test_a_contact_sealed_with_a_key_to_come_is_tried_later(received: Received) -> None:
    other_key = base64.b64encode(b"o" * 32).decode()
    ring = KeyRing.parse(f"other:{other_key}")
    reader = LeadReader(ring)

    with pytest.raises(UnknownKey):
        reader.arrival(received())


def test_the_contract_and_the_domain_number_match_bases_alike() -> None:
    contract = {name: number for name, number in MatchBasis.items() if number}

    assert contract == {f"MATCH_BASIS_{basis.name}": basis.value for basis in domain.MatchBasis}


@pytest.mark.parametrize("key", ["", "!", base64.b64encode(b"short").decode()])
def test_a_golden_id_key_of_another_length_is_refused_unseen(settings: Settings, key: str) -> None:
    given = settings.model_copy(update={"golden_id_key": SecretStr(key)})

    with pytest.raises(InvalidKey) as refusal:
        given.golden_keys()

    assert str(refusal.value) == "GOLDEN_ID_KEY is not base64 of 32 bytes"


def test_the_one_key_of_former_times_is_the_first_of_a_ring(settings: Settings) -> None:
    alone = settings.golden_keys()
    key = base64.b64encode(b"g" * 32).decode()

    ring = settings.model_copy(update={"golden_id_keys": SecretStr(f"k1:{key}")}).golden_keys()

    stated = Factors("+8613800138001", "", "", "lead")
    assert ring.mint(stated) == alone.mint(stated)


@pytest.mark.parametrize("text", ["", "k1", "k1:short", ":a", "k1:x,k1:x"])
def test_a_malformed_ring_of_golden_id_keys_is_refused(settings: Settings, text: str) -> None:
    given = settings.model_copy(update={"golden_id_keys": SecretStr(text)})

    with pytest.raises(InvalidKey):
        given.golden_keys()


def test_recipes_that_do_not_exist_are_refused(settings: Settings) -> None:
    with pytest.raises(InvalidKey):
        settings.model_copy(update={"golden_id_recipes": "9"}).golden_keys()
