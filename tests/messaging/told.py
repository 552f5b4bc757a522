"""A receiver on loopback, webhooks that lead to it, events to tell, and a teller that goes round until all is told."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import override_settings

from mailboxes import clock, events
from mailboxes.models import Event, Mailbox
from messaging.models import WebhookEndpoint
from messaging.webhooks import endpoints
from messaging.webhooks.teller import Teller
from tests.builders import Tenant
from tests.fakes.web import Web, bytes_of, web_server

PATIENCE = 120


@dataclass
class Receiver:
    """Answers with `status` until told otherwise; `statuses` come first, one each. Takes none of the kind `refuses`.

    Answers come `hang_for` seconds late, and to posts behind the first `silent_after` not at all; nobody waits for one
    when the receiver is gone.
    """

    status: str = "200 OK"
    statuses: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hang_for: float = 0
    refuses: str = ""
    silent_after: float = math.inf
    web: Web = field(init=False)
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}/hook"

    @property
    def ids(self) -> list[str]:
        """The ids of the events that it was told, in their order."""
        return [str(one["id"]) for one in self.bodies]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(one.partition(b"\r\n\r\n")[2]) for one in self.web.requests]

    def answer(self, peer: socket.socket) -> None:
        status = self.statuses.pop(0) if self.statuses else self.status
        if self.refuses and self.bodies[-1]["event"] == self.refuses:
            status = "500 Poison"
        self.is_over.wait(self.hang_for if len(self.web.requests) <= self.silent_after else PATIENCE)
        peer.sendall(bytes_of(status, b"", **self.headers))


@contextmanager
def receiver(**moods: Any) -> Iterator[Receiver]:
    """A receiver that listens, and that the operator exempts, while the `with` lasts."""
    made = Receiver(**moods)
    with web_server(made.answer) as made.web:
        exempt = [*settings.WEBHOOK_ALLOW, f"127.0.0.1:{made.web.port}"]
        with override_settings(WEBHOOK_ALLOW=exempt):
            try:
                yield made
            finally:
                made.is_over.set()


def webhook(owner: Tenant, to: Receiver, *kinds: str, **facts: Any) -> WebhookEndpoint:
    """A webhook of the tenant that leads to the receiver; for all kinds if none is named."""
    return webhook_to(owner, *(kinds or ["*"]), url=to.url, **facts)


def webhook_to(
    owner: Tenant, *kinds: str, url: str = "https://hooks.example/mail", box: Mailbox | None = None, **facts: Any
) -> WebhookEndpoint:
    """A webhook of the tenant for these kinds; `facts` are what its owner has said of it since."""
    asked = endpoints.NewEndpoint(endpoints.check_url(url), kinds, box)
    made, _ = endpoints.create(owner.agent_actor, asked, now=clock.now())
    for name, value in facts.items():
        setattr(made, name, value)
    made.save(update_fields=list(facts))
    return made


def happen(owner: Tenant, amount: int = 1, kind: str = "suppression.removed", **fields: Any) -> list[Event]:
    """Events of the account that agents are told."""
    now = clock.now()
    return [events.record(owner.account, kind, subject=str(n), data={"n": n}, now=now, **fields) for n in range(amount)]


def ids(recorded: Sequence[Event]) -> list[str]:
    return [str(one.pk) for one in recorded]


def settle(teller: Teller) -> None:
    """Go round until nothing is due any more, and all of it is written down."""
    until = time.monotonic() + PATIENCE
    teller.ring()
    while teller.go_round() or teller.is_busy:
        assert time.monotonic() < until, "it never ends"
        time.sleep(0.005)
