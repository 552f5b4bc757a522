"""Runs of the release: what people approved is looked at once more, its worker is struck. What is fresh leaves once,
what is stale comes back to people once, and does not leave.
"""

from __future__ import annotations

import time

from mailboxes import clock
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import SuppressionReason
from messaging.recipients import suppressions
from oversight.models import Review, ReviewState
from tests import builders

from . import outbound
from .outbound import Relay
from .points import Case, Kind
from .processes import STOPPED, Crew, until
from .verdict import Verdict, judge_copies, judge_sending
from .witness import Witness

GONE = "gone@friends.example"


def run(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """Each approved message is released once, and leaves once; about every third comes back instead."""
    dice = case.dice()
    sender = outbound.new_sender(OversightMode.GATED_SEND)
    places = range(dice.randint(1, 12))
    stale = {place for place in places if place and dice.random() < 0.3}
    reviews = [builders.held(sender, to=(GONE if place in stale else "kim@friends.example",)) for place in places]
    outbound.approve_now(reviews, sender.owner)
    suppressions.add(sender.account, GONE, reason=SuppressionReason.MANUAL, now=clock.now())
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
    fresh = [review for place, review in enumerate(reviews) if place not in stale]
    messages = [review.message for review in fresh]
    verdict = judge_sending(messages, witness.transactions, lost_answers=(0, 0))
    judge_copies(verdict, relay.deliveries(), messages)
    for review in Review.objects.filter(pk__in=[review.pk for review in fresh]):
        if review.state != ReviewState.APPROVED or review.released_at is None:
            verdict.lost.append(f"review {review.pk} is {review.state}, released at {review.released_at}")
    for place in stale:
        _judge_stale(verdict, reviews[place], relay)
    return verdict


def _judge_stale(verdict: Verdict, asked: Review, relay: Relay) -> None:
    verdict.expected += 1
    review = Review.objects.select_related("message").get(pk=asked.pk)
    told = Event.objects.filter(kind="review.reopened", subject=str(review.pk)).count()
    is_back = review.state == ReviewState.OPEN and review.version == 3 and review.reopened_count == 1
    verdict.done += is_back and told == 1
    if not is_back or told == 0:
        verdict.lost.append(f"review {review.pk} is {review.state} in version {review.version}, told {told} times")
    if told > 1:
        verdict.doubled.append(f"review {review.pk} came back {told} times")
    if any(message_id == review.message.message_id for message_id, _ in relay.deliveries()):
        verdict.broken.append(f"review {review.pk} came back, and its message has left")
