"""Whom the operator exempts from the rules: hosts of the own network that are asked all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

from .addresses import Address

Network = IPv4Network | IPv6Network
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Trust:
    """Exempt from the rules of address, port and https: `hosts` and `networks` on any port, `receivers` on theirs."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    receivers: frozenset[tuple[str, int]] = frozenset()

    def names(self, host: str, port: int) -> bool:
        """Whether this host, a name or an address, is meant; what its name means is believed then."""
        if host in self.hosts or (host, port) in self.receivers:
            return True
        try:
            return self.holds(ip_address(host))
        except ValueError:
            return False

    def holds(self, address: Address) -> bool:
        """Whether the address is in one of the networks, whichever name led to it."""
        return any(address in network for network in self.networks)


NOBODY = Trust()


def private_hosts() -> Trust:
    """What ALLOWED_PRIVATE_HOSTS says: hosts and networks that files may be fetched from."""
    return _private_hosts(tuple(settings.ALLOWED_PRIVATE_HOSTS))


def webhook_receivers() -> frozenset[tuple[str, int]]:
    """What WEBHOOK_ALLOW says: the hosts and ports that webhooks may be told to wherever they are."""
    return _receivers(tuple(settings.WEBHOOK_ALLOW))


def problems() -> Iterator[str]:
    """What is wrong with the two settings, in sentences: an exception that never applies is a riddle."""
    for name in sorted(private_hosts().hosts):
        if not HOST.fullmatch(name):
            yield f"ALLOWED_PRIVATE_HOSTS: {name!r} is neither a host name nor a network."
    for entry in settings.WEBHOOK_ALLOW:
        if _receiver(entry) is None:
            yield f"WEBHOOK_ALLOW: {entry!r} is not host:port, such as n8n.lan:5678, 10.1.2.3:8080 or [fd00::1]:8080."


@lru_cache(maxsize=8)
def _private_hosts(entries: tuple[str, ...]) -> Trust:
    hosts: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            hosts.add(entry.lower())
    return Trust(hosts=frozenset(hosts), networks=tuple(networks))


@lru_cache(maxsize=8)
def _receivers(entries: tuple[str, ...]) -> frozenset[tuple[str, int]]:
    return frozenset(receiver for receiver in map(_receiver, entries) if receiver is not None)


def _receiver(entry: str) -> tuple[str, int] | None:
    host, _, port = entry.lower().rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        return None
    if HOST.fullmatch(host):
        return host, int(port)
    try:
        return (str(IPv6Address(host[1:-1])), int(port)) if host[:1] + host[-1:] == "[]" else None
    except ValueError:
        return None
