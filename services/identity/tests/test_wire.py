"""What identity reads of a lead, and what it refuses to read."""

import base64
from collections.abc import Callable

import pytest
from identity import domain
from identity.settings import Settings
from identity.wire import LeadReader
from leadchain.identity.v1.events_pb2 import MatchBasis
from leadchain.intake.v1.events_pb2 import LeadReceived
from pydantic import SecretStr
from servicekit.errors import InvalidMessage
from servicekit.events import new_id
from servicekit.sealing import InvalidKey, KeyRing, UnknownKey

Received = Callable[..., LeadReceived]


def test_a_lead_is_read_without_its_personal_data(reader: LeadReader, received: Received) -> None:
    event = received(phone="+8613800138001", uscc="91440300MA5EXAMP1X")

    arrival = reader.arrival(event)

    assert len(arrival.lead.phone_index) == len(arrival.lead.uscc_index) == 32
    assert arrival.lead.phone_index != arrival.lead.uscc_index
    assert "138001" not in repr(arrival.lead)
    assert "MA5EXAMP1X" not in repr(arrival.lead)


@pytest.mark.parametrize("phone", ["", "138****8001", "+86138****8001", "13800138001", "+86 x"])
def test_only_a_complete_number_is_a_key(
    reader: LeadReader, received: Received, phone: str
) -> None:
    one, other = received(phone=phone), received(phone=phone)

    leads = [reader.arrival(one).lead, reader.arrival(other).lead]

    assert [lead.phone_index for lead in leads] == [b"", b""]
    assert leads[0].own_golden_id != leads[1].own_golden_id


def test_each_extension_of_a_switchboard_is_another_phone(
    reader: LeadReader, received: Received
) -> None:
    leads = [
        reader.arrival(received(phone="+8675526123456", extension=extension)).lead
        for extension in ("8001", "8002", "8001", "")
    ]

    assert leads[0].phone_index == leads[2].phone_index
    assert len({lead.phone_index for lead in leads}) == 3
    assert len({lead.own_golden_id for lead in leads}) == 3


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
    reader = LeadReader(ring, index_key=other_key, golden_id_key=b"g" * 32)

    with pytest.raises(UnknownKey):
        reader.arrival(received())


def test_the_contract_and_the_domain_number_match_bases_alike() -> None:
    contract = {name: number for name, number in MatchBasis.items() if number}

    assert contract == {f"MATCH_BASIS_{basis.name}": basis.value for basis in domain.MatchBasis}


@pytest.mark.parametrize("key", ["", "!", base64.b64encode(b"short").decode()])
def test_a_golden_id_key_of_another_length_is_refused_unseen(settings: Settings, key: str) -> None:
    given = settings.model_copy(update={"golden_id_key": SecretStr(key)})

    with pytest.raises(InvalidKey) as refusal:
        given.golden_key()

    assert str(refusal.value) == "GOLDEN_ID_KEY is not base64 of 32 bytes"
