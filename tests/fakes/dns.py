"""A name server on loopback that says what a test wants."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dnslib import RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

Zone = Mapping[tuple[str, str], list[str]]


class _Answers(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    def __init__(self, zone: Zone, delay: float) -> None:
        self._zone, self._delay = zone, delay

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip("."), request.q.qtype
        reply = request.reply()
        if not name:  # the root, asked for to see whether anybody is there
            return reply
        time.sleep(self._delay)
        for text in self._zone.get((name, "TXT"), []) if kind == 16 else []:
            reply.add_answer(RR(name, 16, rdata=TXT([text[i : i + 200] for i in range(0, len(text), 200)]), ttl=1))
        for address in self._zone.get((name, "A"), []) if kind == 1 else []:
            reply.add_answer(RR(name, 1, rdata=A(address), ttl=1))
        return reply


@contextmanager
def name_server(zone: Zone, *, delay: float = 0, quiet: bool = False) -> Iterator[str]:
    """Its `host:port` while the `with` lasts. What the zone does not have is answered with nothing."""
    logger = DNSLogger("-request,-reply") if quiet else None
    server = DNSServer(_Answers(zone, delay), address="127.0.0.1", port=0, logger=logger)
    server.start_thread()
    host, port = server.server.server_address[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.stop()
        server.server.server_close()
