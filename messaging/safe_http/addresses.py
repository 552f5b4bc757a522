"""Which addresses are the public internet.

`ipaddress.is_global` says yes to addresses that lead back in: those that carry an IPv4 address inside (NAT64, 6to4,
Teredo, ISATAP), multicast, cloud platforms' own (168.63.129.16). So IPv4 is denied by this list, and of IPv6 only the
part that is given to networks (2000::/3) is allowed, less what stands in it for other purposes.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

DENIED_IPV4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud platform's own agent
        "169.254.0.0/16",  # link-local: metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
GIVEN_IPV6 = IPv6Network("2000::/3")
DENIED_IPV6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone, given back
        "3fff::/20",  # documentation
    )
]
# Interface identifiers of ISATAP: an IPv4 address follows, whatever the prefix.
ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet by its number."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in DENIED_IPV4)
    if address not in GIVEN_IPV6 or any(address in network for network in DENIED_IPV6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in ISATAP


def is_own(address: Address) -> bool:
    """Whether an address is one of this machine's: the kernel would use it as its own sender's address, too."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # a datagram socket sends nothing when it connects
        try:
            probe.connect((str(address), 9))
        except OSError:  # no way there
            return False
        return ip_address(probe.getsockname()[0].partition("%")[0]) == address


def may_connect(address: Address) -> bool:
    """Whether the address may be asked at all, unless the operator trusts what led to it."""
    return is_public(address) and not is_own(address)
