"""What a name means: asked once for each request, every answer looked at before the first is connected to."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import dns.exception
import dns.nameserver
import dns.resolver
from django.conf import settings

from . import addresses
from .addresses import Address
from .failures import Refused, Unreachable
from .timing import Deadline
from .trust import Trust

DNS_SECONDS = 5.0
OFF = ["off"]


def resolve(host: str, port: int, *, literal: Address | None, trust: Trust, deadline: Deadline) -> list[Address]:
    """The addresses of a host. Raises Refused if any of them may not be connected to.

    Any, not all: who mixes a private address with public ones is trying which one is taken.
    """
    if trust.names(host, port):
        return [literal] if literal is not None else _machine_addresses(host)
    found = [literal] if literal is not None else _dns_addresses(host, deadline=deadline)
    if not all(trust.holds(address) or addresses.may_connect(address) for address in found):
        raise Refused("blocked_address", "The URL's host is on a private network or this server itself.")
    return found


def _machine_addresses(host: str) -> list[Address]:
    """As the machine knows it, hosts file included: the operator named this host."""
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _unresolved() from error
    found = {ip_address(str(row[4][0]).partition("%")[0]): None for row in rows}
    return sorted(found, key=lambda address: address.version)


def _dns_addresses(host: str, *, deadline: Deadline) -> list[Address]:
    """From the DNS alone: a hosts file or a search list may know names that are nobody else's business."""
    if list(settings.DNS_RESOLVERS) == OFF:
        raise _unresolved()
    resolver = _resolver()
    budget = Deadline(min(DNS_SECONDS, deadline.left()))
    for kind in ("A", "AAAA"):  # AAAA only where there is no A: what is not asked can't be wrong, nor slow
        try:
            answer = resolver.resolve(host, kind, lifetime=budget.left(), search=False, raise_on_no_answer=False)
        except (dns.exception.DNSException, OSError, ValueError):
            continue
        if len(answer):
            return [ip_address(record.address) for record in answer]
    raise _unresolved()


def _resolver() -> dns.resolver.Resolver:
    given = list(settings.DNS_RESOLVERS)
    resolver = dns.resolver.Resolver(configure=not given)
    if given:
        resolver.nameservers = [_nameserver(text) for text in given]
    return resolver


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    return dns.nameserver.Do53Nameserver(host, int(port or 53))


def _unresolved() -> Unreachable:
    return Unreachable("unresolved", "The URL's host is not known to the DNS right now.")
