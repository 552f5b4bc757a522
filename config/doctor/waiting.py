"""What waits, for whom, and since when: for a sweep, for a person, for somebody who stopped it."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Count, Min, Q

from config.health import OVERDUE_SECONDS
from mailboxes import clock, stop_labels, stops
from mailboxes.models import Account, Erasure, Stop, StopScope
from messaging.models import Attempt, Recipient, RecipientState
from oversight.models import Review, ReviewState

from .ailment import Ailment
from .counted import told_count

LATELY = "interval '1 hour'"
# Of fewer attempts nothing can be said.
FEWEST_ATTEMPTS = 5
NEWEST_ATTEMPTS = 10_000  # ids are made in the order of time

ANSWERED_LATELY = f"""
SELECT count(*) FILTER (WHERE outcome = 'sent'), count(*),
    mode() WITHIN GROUP (ORDER BY code) FILTER (WHERE outcome <> 'sent'),
    max(finished_at) FILTER (WHERE outcome = 'sent')
FROM (SELECT * FROM messaging_attempt ORDER BY id DESC LIMIT {NEWEST_ATTEMPTS}) AS newest
WHERE finished_at > now() - {LATELY} AND outcome IN ('sent', 'deferred', 'failed', 'unknown')
"""  # noqa: S608 - ours


def check_sweeps() -> str:
    """What a sweep should have ended: attempts of lost workers, reviews whose time is over, what was deleted."""
    now = clock.now()
    attempts = Attempt.objects.filter(finished_at__isnull=True).aggregate(oldest=Min("lease_until"))["oldest"]
    reviews = Review.objects.filter(state=ReviewState.OPEN).aggregate(oldest=Min("expires_at"))["oldest"]
    erasures = Erasure.objects.filter(finished_at__isnull=True).aggregate(oldest=Min("due_at"))["oldest"]
    for what, since in (
        ("An attempt of a lost worker", attempts),
        ("A review whose time is over", reviews),
        ("Something that was deleted", erasures),
    ):
        if since is not None and (now - since).total_seconds() > OVERDUE_SECONDS:
            raise Ailment(f"{what} has been left since {_told(since)}: is beat running? Its log says more.")
    return "nothing is left behind"


def check_answers() -> str:
    """What the next hop said lately: a relay that greets may still refuse all our mail."""
    with connection.cursor() as cursor:
        cursor.execute(ANSWERED_LATELY)
        sent, tried, code, last_at = cursor.fetchone()
    if not tried:
        return "nothing was tried in the last hour"
    text = f"{sent} of {tried} attempts of the last hour were taken"
    if tried >= FEWEST_ATTEMPTS and sent * 2 < tried:
        raise Ailment(f"{text}; most others ended with {code}. Read such a message's recipients: the answer is there.")
    return f"{text}, the last one at {_told(last_at)}" if last_at else text


def check_unknown() -> str:
    """Mail of which nobody knows whether it left: only a person, or a later report, can tell."""
    unknown = Recipient.objects.filter(state=RecipientState.UNKNOWN)
    found = unknown.aggregate(count=Count("pk"), oldest=Min("message__created_at"))
    if not found["count"]:
        return "no outcome is unknown"
    advice = "look for their Message-IDs in the relay's log; they are never sent again by themselves"
    return f"{found['count']} copies may or may not have left, the oldest of {_told(found['oldest'])}: {advice}"


def check_stops() -> str:
    """Whose sending is stopped or suspended, by whom it concerns: their mail waits, and that is meant."""
    everything = stops.of_everything()
    if everything is not None:
        since = f"since {_told(everything.stopped_at)} by {everything.by}: {everything.reason}"
        raise Ailment(f"Nothing leaves this server {since}. manage.py go_on lets it send again.")
    held = Account.objects.filter(Q(stopped_at__isnull=False) | Q(suspended_at__isnull=False)).order_by("slug")
    told = [f"{one.slug} since {_told(one.stopped_at or one.suspended_at)}" for one in held[:5]]
    texts = [f"sending is stopped for {held.count()}: {', '.join(told)}"] if told else []
    parts = Stop.objects.filter(resumed_at__isnull=True, account__isnull=False).exclude(scope=StopScope.ACCOUNT)
    found = stop_labels.labelled(parts.order_by("stopped_at")[:5])
    if found:
        named = [f"{one.stop.scope} {one.label} since {_told(one.stop.stopped_at)}" for one in found]
        texts.append(f"{parts.count()} mailboxes, agents or keys are stopped: {', '.join(named)}")
    if not texts:
        return "nobody's sending is stopped"
    return f"{'; '.join(texts)}. An owner or admin resumes it in the console"


def check_reviews() -> str:
    """How many messages wait for a person, and how long the first of them has left."""
    waiting = Review.objects.filter(state=ReviewState.OPEN).order_by("expires_at")
    first = waiting.first()  # of all the same time is given, so it has waited longest, too
    if first is None:
        return "nothing waits for a person"
    count = told_count(waiting)
    return f"{count} wait since {_told(first.opened_at)} at most; the first expires {_told(first.expires_at)}"


def _told(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
