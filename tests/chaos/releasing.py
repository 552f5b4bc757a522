"""Runs of the release: what people approved is looked at once more, its worker is struck, each copy leaves once."""

from __future__ import annotations

import time

from mailboxes.modes import OversightMode
from oversight.models import Review, ReviewState
from tests import builders

from . import outbound
from .outbound import Relay
from .points import Case, Kind
from .processes import STOPPED, Crew, until
from .verdict import Verdict, judge_copies, judge_sending
from .witness import Witness


def run(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """Each approved message is released once, and leaves once."""
    dice = case.dice()
    sender = outbound.new_sender(OversightMode.GATED_SEND)
    reviews = [builders.held(sender) for _ in range(dice.randint(1, 12))]
    outbound.approve_now(reviews, sender.owner)
    outbound.time_passes()
    struck = crew.start("release", faults=case.faults(dice.randint(1, len(reviews))))
    until(lambda: struck.is_struck or struck.state is not None, "the fault point is reached")
    beside = [crew.start("release") for _ in range(dice.randint(0, 2))]
    if case.kind is Kind.STALL:
        until(lambda: struck.state == STOPPED, "the worker stands still")
        time.sleep(0.2 if beside else 0)
        struck.go_on()
    for worker in (struck, *beside):
        worker.wait()
    assert struck.is_struck, f"the fault did not strike\n{crew.logs()}"
    witness = Witness()
    with witness.line("worker", relay.port) as line:
        outbound.recover(crew, f"smtp://127.0.0.1:{line.port}")
    messages = [review.message for review in reviews]
    verdict = judge_sending(messages, witness.transactions, lost_answers=(0, 0))
    judge_copies(verdict, relay.deliveries(), messages)
    for review in Review.objects.filter(pk__in=[review.pk for review in reviews]):
        if review.state != ReviewState.APPROVED or review.released_at is None:
            verdict.lost.append(f"review {review.pk} is {review.state}, released at {review.released_at}")
    return verdict
