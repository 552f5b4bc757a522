"""Networks that a key may be bound to, and whether an address is in one of them. Pure.

An address is a network of one. IPv4 addresses in their IPv6 form (`::ffff:198.51.100.7`) are IPv4 addresses: which of
the two a server sees depends on the socket that it listens on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST = 20
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def canonical(text: str) -> str:
    """The one spelling of an address or network. Raises ValueError for anything else, host bits behind it included."""
    network = _network(text)
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_one else str(network)


def find_address(text: str) -> Address | None:
    """The address written there, an IPv4 one in its own form; None for anything else (a unix socket has none)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def hold(networks: Sequence[str], text: str) -> bool:
    """Whether that address is in one of the canonical networks. One that nobody knows is in none."""
    address = find_address(text)
    return address is not None and any(address in network for network in _networks(tuple(networks)))


def cover(outer: Sequence[str], inner: Sequence[str]) -> bool:
    """Whether each of the inner networks lies in one of the outer ones."""
    return all(any(_is_in(one, wide) for wide in _networks(tuple(outer))) for one in _networks(tuple(inner)))


def _is_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


@lru_cache(maxsize=1000)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(_network, texts))


def _network(text: str) -> Network:
    if not text.isascii() or "%" in text or text != text.strip():
        raise ValueError(f"{text!r} is no network")
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(MAPPED):
        address = ipaddress.IPv4Address(int(network.network_address) & 0xFFFF_FFFF)
        return ipaddress.IPv4Network((address, network.prefixlen - 96))
    return network
