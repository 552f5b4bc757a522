"""Whose connection it is, when proxies of ours stand in front: the address they saw, not the proxy's own."""

from __future__ import annotations

from . import networks


def of(peer: str, forwarded_for: str, *, proxies: int) -> str:
    """The client's address, seen through so many proxies of ours; `forwarded_for` is all of X-Forwarded-For.

    Each proxy appends whom it heard, so what stands further to the front is the client's own invention. Without proxies
    the header is not looked at; where it is shorter than it must be, or holds no address there, the peer counts.
    """
    heard = [part.strip() for part in forwarded_for.split(",")] if proxies else []
    address = networks.find_address(heard[-proxies]) if 0 < proxies <= len(heard) else None
    address = address or networks.find_address(peer)
    return str(address) if address else peer
