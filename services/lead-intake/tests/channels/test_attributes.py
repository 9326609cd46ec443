"""A mapping may name attributes of an inquiry: they travel in the clear, so none may be a person's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from lead_intake.channels.channel_files import InvalidChannelFile, load_channels, overridden
from lead_intake.domain.leads import Understood
from lead_intake.reading import load_lexicons, read_delivery

if TYPE_CHECKING:
    from lead_intake.channels.channel_files import ChannelFile

WEBSITE = load_channels()["website_form"]


def website(**attributes: str) -> ChannelFile:
    """The website form with attributes, each read from a field of the form."""
    mapping = {
        f"attributes.{name}": {"path": f"fields.{field}", "via": "text"}
        for name, field in attributes.items()
    }
    return overridden(WEBSITE, {"map": mapping}, version=1000)


def understood(file: ChannelFile, **fields: Any) -> Understood:
    """What a form says."""
    body = {"form_id": "f", "fields": {"name": "赵六", "mobile": "13800138004", **fields}}
    (found,) = read_delivery(file.reading, json.dumps(body).encode(), load_lexicons())
    assert isinstance(found, Understood)
    return found


def test_a_mapping_names_attributes_and_they_travel_with_the_lead() -> None:
    file = website(tier="hospital", past_spend="spent", empty="nothing")

    found = understood(file, hospital="三甲", spent=10000)

    assert found.inquiry.attributes == {"tier": "三甲", "past_spend": "10000"}


def test_a_value_that_tells_who_somebody_is_is_left_out_and_a_long_one_is_cut() -> None:
    file = website(a="a", b="b", c="c")

    found = understood(file, a="ring 138 0013 8004", b="zhao@example.com", c="x" * 500)

    assert found.inquiry.attributes == {"c": "x" * 200}


@pytest.mark.parametrize("name", ["phone", "email", "name", "Tier", "a-b", ""])
def test_an_attribute_that_is_a_contact_field_or_has_no_plain_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidChannelFile, match=f"attributes.{name}"):
        website(**{name: "x"})


def test_too_many_attributes_are_refused() -> None:
    with pytest.raises(InvalidChannelFile, match="21 attributes, at most 20"):
        website(**{f"a{n}": "x" for n in range(21)})
