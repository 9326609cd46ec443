"""Trusted networks: is the peer's address in one of them?

An IPv4 address reaches us also in its IPv6-mapped form (`::ffff:10.1.2.3`); both are the same address here.
"""

import ipaddress
from typing import TypeAlias

from servicekit.errors import Invalid

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class BadNetwork(Invalid):
    """Not a network in CIDR form: malformed, bits set beyond the prefix, or octets with leading zeros."""

    def __init__(self) -> None:
        super().__init__("cidr is not a network such as 10.0.0.0/8")


def parse_network(cidr: str) -> _Network:
    """The network, an IPv4-mapped one as IPv4; raises `BadNetwork`."""
    if "/" not in cidr or "%" in cidr:
        raise BadNetwork
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        raise BadNetwork from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((int(mapped or 0), network.prefixlen - 96))
    return network


def parse_address(text: str) -> _Address | None:
    """The address, an IPv4-mapped one as IPv4; None when it is none or could be read in two ways."""
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Networks:
    """The networks from which people may work."""

    def __init__(self) -> None:
        self._by_cidr: dict[str, tuple[str, _Network]] = {}

    def put(self, cidr: str, name: str) -> None:
        """Trust a network; raises `BadNetwork`."""
        self._by_cidr[cidr] = (name, parse_network(cidr))

    def remove(self, cidr: str) -> None:
        """Trust it no longer; harmless if it never was."""
        self._by_cidr.pop(cidr, None)

    def items(self) -> list[tuple[str, str]]:
        """Each trusted network as (cidr, name)."""
        return [(cidr, name) for cidr, (name, _) in self._by_cidr.items()]

    def contains(self, address: str) -> bool:
        """Whether the address is in a trusted network; an unreadable one is in none."""
        parsed = parse_address(address)
        if parsed is None:
            return False
        return any(parsed in network for _, network in self._by_cidr.values())
