"""Runs of the way in: the listener or the reader is struck; what was not answered 250 is sent again by the client."""

from __future__ import annotations

import hashlib
import random
import smtplib
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Direction, Message, RawMessage, Status
from tests.arrivals import receive
from tests.builders import Tenant
from tests.fakes.proxy import FaultProxy
from tests.letters import letter

from . import outbound
from .points import Case, Kind
from .processes import PATIENCE, STOPPED, Crew, until
from .verdict import Verdict


@dataclass
class Letter:
    """One mail of a client, for one or more mailboxes, sent until it is answered 250."""

    raw: bytes
    boxes: tuple[Mailbox, ...]
    answered_count: int = 0

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def message_id(self) -> str:
        return next(line for line in self.raw.decode().splitlines() if line.startswith("Message-ID"))[12:]


def run_inbound(case: Case, crew: Crew) -> Verdict:
    """Mail over SMTP: every 250 has its row, and everything is shown once to everybody it was for."""
    dice = case.dice()
    letters = _letters(dice, [_receiver() for _ in range(dice.randint(1, 3))])
    faulted = crew.serve("smtpd", faults=case.faults(dice.randint(1, len(letters))))
    healthy = crew.serve("smtpd")
    with FaultProxy(faulted.port) as proxy:
        client = threading.Thread(target=deliver, args=(proxy.port, letters), daemon=True)
        client.start()
        again: list[threading.Thread] = []
        if case.kind in (Kind.STALL, Kind.DROP_NETWORK):
            until(lambda: faulted.state == STOPPED, "the listener stands still")
            if case.kind is Kind.DROP_NETWORK:
                proxy.cut()
            else:
                again = [threading.Thread(target=deliver, args=(healthy.port, _open(letters)), daemon=True)]
                again[0].start()
                time.sleep(0.3)
            faulted.go_on()
        for thread in (client, *again):
            thread.join(timeout=2 * PATIENCE)
            assert not thread.is_alive(), crew.logs()
    # Behind the answer to the last letter the client may be gone before it has struck.
    until(lambda: faulted.is_struck, "the fault strikes")
    until(lambda: _is_all_answered(healthy.port, letters), "the rest is answered")
    return _judge(letters, crew)


def run_parse(case: Case, crew: Crew) -> Verdict:
    """Mail that lies there unread: its reader is struck, others read beside it, and everything is shown once."""
    dice = case.dice()
    letters = _letters(dice, [_receiver() for _ in range(dice.randint(1, 3))])
    for one in letters:
        one.answered_count = 1
        for box in one.boxes:
            receive(one.raw, box.full_address)
    struck = crew.start("read", faults=case.faults(1))
    until(lambda: struck.is_struck or struck.state is not None, "the fault point is reached")
    beside = [crew.start("read") for _ in range(dice.randint(0, 2))]
    if case.kind is Kind.STALL:
        until(lambda: struck.state == STOPPED, "the reader stands still")
        time.sleep(0.3 if beside else 0)
        struck.go_on()
    for reader in (struck, *beside):
        reader.wait()
    assert struck.is_struck, f"the fault did not strike\n{crew.logs()}"
    return _judge(letters, crew)


def deliver(port: int, letters: Sequence[Letter]) -> None:
    """Send them one after the other in one session. At the first answer that is no yes the client gives up for now."""
    if not letters:
        return
    client: smtplib.SMTP | None = None
    try:
        client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60)
        client.ehlo()
        for one in letters:
            if client.mail("kim@friends.example")[0] != 250:
                return
            for box in one.boxes:
                if client.rcpt(box.full_address)[0] != 250:
                    return
            if client.data(one.raw)[0] != 250:
                return
            one.answered_count += 1
    except (OSError, smtplib.SMTPException):
        return
    finally:
        if client is not None:
            client.close()


def _is_all_answered(port: int, letters: Sequence[Letter]) -> bool:
    deliver(port, _open(letters))
    return not _open(letters)


def _open(letters: Iterable[Letter]) -> list[Letter]:
    return [one for one in letters if not one.answered_count]


def _receiver() -> Tenant:
    return outbound.new_sender(OversightMode.GATED_SEND)


def _letters(dice: random.Random, receivers: Sequence[Tenant]) -> list[Letter]:
    boxes = [receiver.mailbox for receiver in receivers]
    return [
        Letter(letter(subject=f"No {number}", body="Good day.\r\n" * dice.randint(1, 200)), tuple(chosen))
        for number in range(dice.randint(1, 12))
        for chosen in [dice.sample(boxes, dice.randint(1, len(boxes)))]
    ]


def _judge(letters: Sequence[Letter], crew: Crew) -> Verdict:
    until(lambda: _is_all_read(crew), f"everything is read\n{crew.logs()}")
    verdict = Verdict()
    for one in letters:
        for box in one.boxes:
            verdict.expected += 1
            stored = RawMessage.objects.filter(mailbox=box, sha256=one.digest).count()
            if stored < one.answered_count:
                verdict.lost.append(f"{one.message_id} was answered {one.answered_count} times, stored {stored}")
            _judge_shown(one, box, verdict)
    return verdict


def _is_all_read(crew: Crew) -> bool:
    crew.start("read").wait()
    return not RawMessage.objects.filter(processed_at__isnull=True).exists()


def _judge_shown(one: Letter, box: Mailbox, verdict: Verdict) -> None:
    shown = Message.objects.filter(
        mailbox=box, direction=Direction.INBOUND, status=Status.RELEASED, raw_message__sha256=one.digest
    )
    told = Event.objects.filter(kind="message.received", subject__in=[str(message.pk) for message in shown]).count()
    verdict.done += len(shown) == 1
    if not shown:
        verdict.lost.append(f"{one.message_id} is not shown to {box}")
    if len(shown) > 1 or told > 1:
        verdict.doubled.append(f"{one.message_id} is shown {len(shown)} times, told {told} times, to {box}")
