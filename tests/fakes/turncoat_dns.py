"""A name server on loopback that changes its mind: each question has a list of answers, the last of which stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from dnslib import AAAA, CNAME, QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

RECORDS = {"A": A, "AAAA": AAAA, "CNAME": CNAME}


@dataclass
class Turncoat(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """`answers`: name → for each question about it, in turn, records such as "A 127.0.0.1"."""

    answers: Mapping[str, list[list[str]]]
    delay: float = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""
    is_over: Event = field(default_factory=Event)
    _numbers: list[tuple[int, str, str]] = field(default_factory=list)

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        turn = self._turn(request.header.id, name, kind)
        self.is_over.wait(self.delay)
        turns = self.answers.get(name, [[]])
        turn = min(turn, len(turns)) - 1
        reply = request.reply()
        for text in turns[turn]:
            self._add(reply, name, kind, text)
        return reply

    def _turn(self, number: int, name: str, kind: str) -> int:
        """How often it was asked. Who asks again under the same number lost patience: it is the same question."""
        if (number, name, kind) not in self._numbers:
            self._numbers.append((number, name, kind))
            self.asked.append((name, kind))
        return [one[1:] for one in self._numbers[: self._numbers.index((number, name, kind)) + 1]].count((name, kind))

    def _add(self, reply: DNSRecord, name: str, kind: str, text: str) -> None:
        of_kind, _, value = text.partition(" ")
        if of_kind == "CNAME":  # with what it leads to, as a resolver answers
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(value), ttl=0))
            for further in self.answers.get(value, [[]])[-1]:
                self._add(reply, value, kind, further)
        elif of_kind == kind:
            reply.add_answer(RR(name, getattr(QTYPE, kind), rdata=RECORDS[kind](value), ttl=0))


@contextmanager
def turncoat(answers: Mapping[str, list[list[str]]], *, delay: float = 0) -> Iterator[Turncoat]:
    """Answers while the `with` lasts, each time `delay` seconds late; `address` is its host:port."""
    resolver = Turncoat(answers, delay)
    server = DNSServer(resolver, address="127.0.0.1", port=0, logger=DNSLogger("-request,-reply"))
    server.start_thread()
    host, port = server.server.server_address[:2]
    resolver.address = f"{host}:{port}"
    try:
        yield resolver
    finally:
        resolver.is_over.set()
        server.stop()
        server.server.server_close()
