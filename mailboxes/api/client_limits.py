"""How often one client address may call what needs no key. Counted in the cache; without the cache everybody may."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass

import structlog
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.request import Request

from mailboxes import networks
from mailboxes.errors import LimitReached

# What is told as left where there is no limit.
UNLIMITED = 1_000_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClientLimit:
    """`amount` calls of `name` in each window of `seconds`; 0 is no limit."""

    name: str
    amount: int
    seconds: int


def take(limit: ClientLimit, request: Request | HttpRequest) -> int:
    """Count one call of the client; what it has left in this window. Raises LimitReached (429, with Retry-After).

    Fails open: a lost cache must not keep anybody from signing up, and loses nothing but a count.
    """
    return take_from(limit, address_of(request))


def take_from(limit: ClientLimit, address: str) -> int:
    """As `take`, for a client known by its address."""
    if not limit.amount:
        return UNLIMITED
    now = time.time()
    used = _count(_place(limit, address, now=now), seconds=limit.seconds)
    if used > limit.amount:
        wait = int(limit.seconds - now % limit.seconds) + 1
        raise LimitReached(
            "Too many requests from your address.",
            code="too_many_requests",
            fix=f"Wait {wait} seconds.",
            headers={"Retry-After": str(wait), "X-RateLimit-Remaining": "0"},
        )
    return limit.amount - used


def left(limit: ClientLimit, request: Request | HttpRequest) -> int:
    """What the client has left in this window; nothing is counted."""
    if not limit.amount:
        return UNLIMITED
    try:
        return max(0, limit.amount - int(cache.get(_place(limit, address_of(request), now=time.time()), 0)))
    except (RedisError, OSError):
        return limit.amount


def is_first(name: str, subject: object, *, seconds: int) -> bool:
    """Whether this is the first `name` for that subject within so many seconds. Fails open, as `take` does."""
    try:
        return bool(cache.add(f"first:{name}:{subject}", 1, timeout=seconds))
    except (RedisError, OSError) as error:
        log.warning("client_limit.uncounted", error=str(error))
        return True


def address_of(request: Request | HttpRequest) -> str:
    """The caller's address, as far as proxies of ours tell it (`config.client_address`)."""
    return request.META.get("REMOTE_ADDR") or "unknown"


def client_network(request: Request | HttpRequest) -> str:
    """The caller's address; of an IPv6 one its /64, since one client commands all of it."""
    return network_of(address_of(request))


def network_of(text: str) -> str:
    """That address; of an IPv6 one its /64. An IPv4 one in its IPv6 form is itself, or all of them were one client."""
    address = networks.find_address(text)
    if address is None:  # a unix socket has no address
        return text
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _place(limit: ClientLimit, address: str, *, now: float) -> str:
    return f"client-limit:{limit.name}:{network_of(address)}:{int(now // limit.seconds)}"


def _count(key: str, *, seconds: int) -> int:
    try:
        cache.add(key, 0, timeout=seconds * 2)
        return cache.incr(key)
    except (RedisError, OSError, ValueError) as error:  # ValueError: evicted between the two
        log.warning("client_limit.uncounted", error=str(error))
        return 0
