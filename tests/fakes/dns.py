"""A name server on loopback that says what a test wants: real DNS, by UDP and TCP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

from dnslib import CNAME, MX, QTYPE, RCODE, RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

Zone = Mapping[tuple[str, str], list[str]]
LONGEST_CHAIN = 8
# What does not fit is cut off, and asked for again by TCP.
DATAGRAM = 512
TRIES = 50


class _Answers(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    def __init__(self, zone: Zone, delay: float, fails: bool) -> None:
        self._zone, self._delay, self._fails = zone, delay, fails
        self.is_over = Event()

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        reply = request.reply()
        if not name:  # the root, asked for to see whether anybody is there
            return reply
        self.is_over.wait(self._delay)
        if self._fails:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        for _ in range(LONGEST_CHAIN):
            for value in self._find(name, kind):
                reply.add_answer(RR(name, QTYPE.reverse[kind], rdata=_data(kind, value), ttl=1))
            alias = [] if reply.rr and QTYPE[reply.rr[-1].rtype] == kind else self._find(name, "CNAME")
            if not alias:
                break
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(alias[0]), ttl=1))
            name = alias[0]
        return reply

    def _find(self, name: str, kind: str) -> list[str]:
        """The values at the name, or at the nearest wildcard above it (RFC 4592)."""
        name = name.lower()
        if any(host == name for host, _ in self._zone):
            return self._zone.get((name, kind), [])
        parents = name.split(".")[1:]
        wildcards = ("*." + ".".join(parents[start:]) for start in range(len(parents)))
        return next((self._zone[one, kind] for one in wildcards if (one, kind) in self._zone), [])


class _Cut(DNSHandler):  # type: ignore[misc]  # dnslib has no types
    """The library's own way drops the question too, and no resolver takes that for an answer to its own."""

    def get_reply(self, data: bytes) -> bytes:
        whole: bytes = super().get_reply(data)
        if self.protocol == "tcp" or len(whole) <= DATAGRAM:
            return whole
        cut = DNSRecord.parse(data).reply()
        cut.header.tc = 1
        return bytes(cut.pack())


def _data(kind: str, value: str) -> object:
    if kind == "TXT":
        return TXT([value[i : i + 200] for i in range(0, len(value), 200)])
    if kind == "MX":
        priority, host = value.split()
        return MX(host, int(priority))
    return A(value)


def _bound(answers: _Answers, logger: DNSLogger | None) -> tuple[DNSServer, DNSServer]:
    """By UDP and TCP at one port: one that is free for the one may be taken for the other."""
    for _ in range(TRIES):
        datagrams = DNSServer(answers, address="127.0.0.1", port=0, logger=logger, handler=_Cut)
        try:
            port = datagrams.server.server_address[1]
            return datagrams, DNSServer(answers, address="127.0.0.1", port=port, logger=logger, tcp=True)
        except OSError:
            datagrams.server.server_close()
    raise OSError("no port is free for both")


@contextmanager
def name_server(zone: Zone, *, delay: float = 0, quiet: bool = False, fails: bool = False) -> Iterator[str]:
    """Its `host:port` while the `with` lasts. What the zone does not have is answered with nothing.

    The zone may be changed meanwhile. An MX is `10 mail.example.com`; `fails` answers SERVFAIL to everything. With
    `delay` each answer comes so many seconds late; nobody waits for one when the `with` ends.
    """
    logger = DNSLogger("-request,-reply") if quiet else None
    answers = _Answers(zone, delay, fails)
    datagrams, streams = _bound(answers, logger)
    host, port = datagrams.server.server_address[:2]
    for server in (datagrams, streams):
        # So often it looks whether it is to end.
        Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"{host}:{port}"
    finally:
        answers.is_over.set()
        for server in (datagrams, streams):
            server.stop()
            server.server.server_close()
