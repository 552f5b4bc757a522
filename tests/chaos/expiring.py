"""Runs of expiry: the clock ends reviews that nobody decided, its worker is struck, and nothing is ever sent."""

from __future__ import annotations

import time

from django.db import connection

from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight.models import Review, ReviewState
from tests import builders

from . import outbound
from .outbound import Relay
from .points import Case, Kind
from .processes import STOPPED, Crew, until
from .verdict import Verdict


def run(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """Each review expires once, and what it held never leaves."""
    dice = case.dice()
    sender = outbound.new_sender(OversightMode.GATED_SEND)
    reviews = [builders.held(sender) for _ in range(dice.randint(1, 12))]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE oversight_review SET expires_at = opened_at")
    struck = crew.start("expire", faults=case.faults(dice.randint(1, len(reviews))))
    until(lambda: struck.is_struck or struck.state is not None, "the fault point is reached")
    beside = [crew.start("expire") for _ in range(dice.randint(0, 2))]
    if case.kind is Kind.STALL:
        until(lambda: struck.state == STOPPED, "the worker stands still")
        time.sleep(0.2 if beside else 0)
        struck.go_on()
    for worker in (struck, *beside):
        worker.wait()
    assert struck.is_struck, f"the fault did not strike\n{crew.logs()}"
    crew.start("expire").wait()
    outbound.recover(crew, f"smtp://127.0.0.1:{relay.port}")
    return _judge(reviews, relay)


def _judge(reviews: list[Review], relay: Relay) -> Verdict:
    verdict = Verdict(expected=len(reviews))
    for review in Review.objects.filter(pk__in=[review.pk for review in reviews]):
        told = Event.objects.filter(kind="review.expired", subject=str(review.pk)).count()
        is_over = Message.objects.get(pk=review.message_id).status == Status.EXPIRED
        verdict.done += is_over and told == 1
        if not is_over or review.state != ReviewState.EXPIRED or told == 0:
            verdict.lost.append(f"review {review.pk} is {review.state}, told {told} times")
        if told > 1:
            verdict.doubled.append(f"review {review.pk} expired {told} times")
    if relay.deliveries():
        verdict.broken.append(f"expired and yet sent: {relay.deliveries()}")
    return verdict
