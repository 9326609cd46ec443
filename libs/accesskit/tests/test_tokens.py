"""Consistency tokens, canonical bytes and trusted networks: text that means exactly one thing."""

import json

import pytest
from accesskit.canonical import NotCanonical, canonical_json, params_hash
from accesskit.networks import BadNetwork, Networks, parse_network
from accesskit.tokens import ForeignToken, MalformedToken, Token
from hypothesis import given
from hypothesis import strategies as st


def test_a_token_reads_back_as_written():
    token = Token("log-7", 42)

    assert str(token) == "v1.log-7.42"
    assert Token.parse("v1.log-7.42", log_id="log-7") == token


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        "v2.log.1",
        "v1.log.",
        "v1.log.01",
        "v1.log.-1",
        "v1.log.1 ",
        "v1.log.1\n",
        "v1..1",
        "v1.log.٣",
        "v1.log." + "9" * 30,
        "V1.log.1",
    ],
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(MalformedToken):
        Token.parse(text, log_id="log")


def test_a_token_of_another_log_is_refused():
    with pytest.raises(ForeignToken):
        Token.parse("v1.other.1", log_id="log")


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans(), st.none())))
def test_the_order_of_keys_does_not_change_the_hash(params):
    backwards = dict(reversed(params.items()))
    try:
        expected = params_hash(params)
    except NotCanonical:
        return

    assert params_hash(backwards) == expected
    assert json.loads(canonical_json(params)) == params


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: "x"}, {"a": object()}, "\ud800", b"bytes"]
)
def test_what_json_cannot_state_in_one_way_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical_json({"value": value})


def test_a_depth_bomb_is_refused():
    bomb = []
    for _ in range(1000):
        bomb = [bomb]

    with pytest.raises(NotCanonical):
        canonical_json(bomb)


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:a01:203", True),
        ("11.1.2.3", False),
        ("::ffff:11.1.2.3", False),
        ("010.1.2.3", False),
        ("10.1.2", False),
        ("10.1.2.3%eth0", False),
        ("", False),
        ("fd12::1", True),
        ("fd12::1%eth0", False),
    ],
)
def test_an_address_is_compared_as_the_address_it_is(address, is_inside):
    networks = Networks()
    networks.put("10.0.0.0/8", "office")
    networks.put("fd12::/16", "branch")

    assert networks.contains(address) is is_inside


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0", "010.0.0.0/8", "10.1.0.0/8", "10.0.0.0/33", "office", "fe80::%1/64", ""]
)
def test_an_ambiguous_network_is_refused(cidr):
    with pytest.raises(BadNetwork):
        parse_network(cidr)


def test_a_mapped_network_is_the_ipv4_network():
    assert parse_network("::ffff:10.0.0.0/104") == parse_network("10.0.0.0/8")
