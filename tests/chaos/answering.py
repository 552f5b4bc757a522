"""Runs of what is asked over HTTP: a web server is struck while it accepts or decides, and every request is repeated
with its Idempotency-Key at a healthy one until it is answered.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight.models import Decision, DecisionKind
from tests import builders
from tests.fakes.proxy import FaultProxy

from . import outbound
from .outbound import Relay
from .points import Case, Kind
from .processes import PATIENCE, STOPPED, Crew, Running, until
from .verdict import Verdict, judge_copies, judge_sending
from .witness import Witness

MODES = (OversightMode.AUTONOMOUS, OversightMode.MONITORED, OversightMode.GATED_SEND)
# What is asked of a review, with what, and what the message then comes to.
WISHES: dict[str, tuple[dict[str, Any], Status]] = {
    "approve": ({}, Status.SENT),
    "reject": ({"reason": "tone"}, Status.REJECTED),
    "undo": ({}, Status.HELD),
    "edit": ({"subject": "Anew"}, Status.HELD),
    "request-changes": ({"instructions": "Name the price."}, Status.RETURNED),
}
CLIENTS = 3
BUSY = 409


@dataclass
class Asked:
    """One request, told apart by its Idempotency-Key, and what was answered to it, each time."""

    path: str
    key: str
    body: dict[str, Any]
    name: str
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        return any(200 <= status < 300 for status, _ in self.answers)

    def send(self, port: int) -> None:
        """Send it once; an answer that does not come leaves no trace."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", self.path, json.dumps(self.body), headers | {"Idempotency-Key": self.name})
            answer = connection.getresponse()
            self.answers.append((answer.status, json.loads(answer.read())))
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()

    def insist(self, port: int) -> None:
        """Send it until it is answered for good."""

        def is_settled() -> bool:
            self.send(port)
            return bool(self.answers) and (self.answers[-1][0] < 300 or self._is_refused(self.answers[-1]))

        until(is_settled, f"an answer to {self}")

    def _is_refused(self, answer: tuple[int, dict[str, Any]]) -> bool:
        return 400 <= answer[0] < 500 and answer[1].get("code") != "in_flight"


def run_accept(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """Sends: each is accepted once, has the id that was answered, and leaves once."""
    dice = case.dice()
    sender = outbound.new_sender(dice.choice(MODES))
    asked = [
        Asked(
            f"/v1/mailboxes/{sender.mailbox.pk}/messages",
            sender.key_text,
            {"to": [f"r{one}@friends.example" for one in range(dice.randint(1, 3))], "subject": f"No {number}",
             "bodyText": "Good day.\n"},
            f"send-{number}",
        )
        for number in range(dice.randint(1, 12))
    ]  # fmt: skip
    strike(case, crew, asked, dice)
    messages = list(Message.objects.filter(mailbox=sender.mailbox))
    outbound.approve(messages, sender)
    verdict = _sent_after(crew, relay, messages)
    for one in asked:
        found = [message for message in messages if message.subject == one.body["subject"]]
        ids = {body["message"]["id"] for status, body in one.answers if status == 201}
        _judge_once(verdict, one, len(found), ids=ids, right={str(message.pk) for message in found})
    return verdict


def run_decide(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """Decisions: each is made once, and what it says happens."""
    dice = case.dice()
    sender = outbound.new_sender(OversightMode.GATED_SEND)
    reviews = [builders.held(sender) for _ in range(dice.randint(1, 8))]
    wishes = [dice.choice(list(WISHES)) for _ in reviews]
    outbound.approve_now([review for review, wish in zip(reviews, wishes, strict=True) if wish == "undo"], sender.owner)
    key = builders.decide_key(sender.owner)
    asked = [
        Asked(f"/v1/oversight/reviews/{review.pk}/{wish}", key, WISHES[wish][0], wish)
        for review, wish in zip(reviews, wishes, strict=True)
    ]
    strike(case, crew, asked, dice)
    messages = [review.message for review in reviews]
    outbound.time_passes()
    verdict = _sent_after(crew, relay, messages)
    for one, review in zip(asked, reviews, strict=True):
        made = Decision.objects.filter(review=review, kind=DecisionKind(one.name.replace("-", "_"))).count()
        _judge_once(verdict, one, made, ids={one.name} if one.is_answered else set(), right={one.name})
        _judge_decided(verdict, one.name, Message.objects.get(pk=review.message_id))
    return verdict


def strike(case: Case, crew: Crew, asked: Sequence[Asked], dice: random.Random) -> None:
    """Send everything to a server that is struck at one of them, then again to a healthy one until all is answered."""
    faulted = crew.serve("web", faults=case.faults(dice.randint(1, len(asked))))
    healthy = crew.serve("web")
    with FaultProxy(faulted.port) as proxy:
        clients = _in_threads(asked, lambda one: one.send(proxy.port))
        if case.kind in (Kind.STALL, Kind.DROP_NETWORK):
            until(lambda: faulted.state == STOPPED, "the server stands still")
            if case.kind is Kind.DROP_NETWORK:
                proxy.cut()
            else:
                clients += _impatient(asked, healthy)
            faulted.go_on()
        for client in clients:
            client.join(timeout=2 * PATIENCE)
            assert not client.is_alive(), crew.logs()
    assert faulted.is_struck, f"the fault did not strike\n{crew.logs()}"
    for one in asked:  # also what was answered: the answer must be the same again
        one.insist(healthy.port)


def _impatient(asked: Sequence[Asked], healthy: Running) -> list[threading.Thread]:
    """Clients that turn to another server while the first stands still. What it holds locked waits for it."""
    clients = _in_threads([one for one in asked if not one.is_answered], lambda one: one.send(healthy.port))
    time.sleep(0.3)
    return clients


def _in_threads(asked: Sequence[Asked], act: Callable[[Asked], None]) -> list[threading.Thread]:
    def work(mine: Sequence[Asked]) -> None:
        for one in mine:
            act(one)

    threads = [threading.Thread(target=work, args=(asked[nth::CLIENTS],), daemon=True) for nth in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads


def _sent_after(crew: Crew, relay: Relay, messages: Sequence[Message]) -> Verdict:
    witness = Witness()
    with witness.line("worker", relay.port) as line:
        outbound.recover(crew, f"smtp://127.0.0.1:{line.port}")
    verdict = judge_sending(messages, witness.transactions, lost_answers=(0, 0))
    judge_copies(verdict, relay.deliveries(), messages)
    return verdict


def _judge_once(verdict: Verdict, one: Asked, made: int, *, ids: set[str], right: set[str]) -> None:
    if not one.is_answered:
        verdict.broken.append(f"{one.path} {one.name} was never answered: {one.answers}")
    if made == 0:
        verdict.lost.append(f"{one.path} {one.name} was answered {one.answers} and is not there")
    if made > 1:
        verdict.doubled.append(f"{one.path} {one.name} took effect {made} times")
    if ids != right:
        verdict.broken.append(f"{one.path} {one.name} was answered with {ids}, made {right}")
    if any(status >= 500 and status != 503 and "FaultInjected" in str(body) for status, body in one.answers):
        verdict.broken.append(f"an inner error was told to the outside: {one.answers}")


def _judge_decided(verdict: Verdict, wish: str, message: Message) -> None:
    wanted = WISHES[wish][1]
    if message.status != wanted:
        verdict.broken.append(f"{wish} left the message {message.status}")
