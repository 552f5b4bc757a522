"""Nothing is left behind: whatever is not at its end is watched by one sweeper, and by no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import zeal
from celery import current_app
from django.apps import apps
from django.db import connection, models
from pytest_django import Settings

from config.celery import app
from config.heartbeat import HEARTBEAT_TASK
from mailboxes import clock, keys, mailbox
from mailboxes.models import Erasure, LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, RawMessage, Recipient
from messaging.outbound import delivery, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import bulk, decisions
from oversight.bulk import Named
from oversight.models import BatchItem, Copy, Review, RevokedKey
from tests import arrivals, builders
from tests.builders import Tenant
from tests.letters import letter

from . import watchers

OURS = ("mailboxes", "messaging", "oversight", "billing")
DUE = re.compile(r"(due_at|next_at|next_\w+_at|release_at|notice_at|expires_at|_until)$")
SWEEPERS = {entry["task"] for entry in app.conf.beat_schedule.values()} - {HEARTBEAT_TASK}


def own_models() -> Iterator[type[models.Model]]:
    found = [one for label in OURS for one in apps.get_app_config(label).get_models()]
    return (one for one in found if not one._meta.proxy and one._meta.managed)


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_state_of_everything_that_has_a_life_is_watched_by_one_sweeper_or_is_its_end() -> None:
    for model in own_models():
        for field in model._meta.concrete_fields:
            if not field.choices:
                continue
            name = f"{model.__name__}.{field.name}"
            assert (name in watchers.STATES) != (name in watchers.KINDS), f"{name}: a life, or a kind? See watchers.py"
            if name in watchers.STATES:
                blank = {""} if field.blank else set()
                known = {str(value) for value, _ in field.flatchoices}
                assert set(watchers.STATES[name]) == known | blank, f"who watches these? {name}"


def test_every_moment_in_which_something_is_due_is_watched() -> None:
    fields = [(model, field) for model in own_models() for field in model._meta.concrete_fields]
    moments = {
        f"{model.__name__}.{field.name}"
        for model, field in fields
        if isinstance(field, models.DateTimeField) and DUE.search(field.name)
    }
    assert moments == set(watchers.MOMENTS)


def test_every_sweeper_watches_something_or_keeps_house() -> None:
    named = {
        *(who for states in watchers.STATES.values() for who in states.values()),
        *watchers.MOMENTS.values(),
        *watchers.ROWS.values(),
    }
    others = {watchers.END, watchers.PERSON, watchers.READER, watchers.NEVER, watchers.TELLER}
    assert (named - others) | watchers.HOUSEKEEPING == SWEEPERS
    assert not named & watchers.HOUSEKEEPING


# --- what sweepers do -------------------------------------------------------------------------------------------------

Look = Callable[[], object]
HOUR, WEEK = timedelta(hours=1), timedelta(days=8)


class Stuck:
    """Rows that nobody has moved though their time has come, each of a tenant of its own; how to look at each."""

    def __init__(self) -> None:
        self.now = clock.now()
        self.looks: dict[str, tuple[str, Look]] = {}
        for build in (self.sends, self.attempts, self.decided, self.gone, self.received):
            build()

    def tenant(self, mode: OversightMode = OversightMode.GATED_SEND) -> Tenant:
        return builders.tenant(mode=mode)

    def held(self, owner: Tenant, at: datetime, **fields: object) -> Review:
        return Review.objects.select_related("message", "mailbox").get(message=builders.submit(owner, now=at, **fields))

    def sends(self) -> None:
        free = self.tenant(OversightMode.AUTONOMOUS)
        queued = builders.submit(free, now=self.now - HOUR)
        self.watch("queued", watchers.DRAIN, lambda: queued.recipients.get().attempts_count)
        monitored = self.tenant(OversightMode.MONITORED)
        refused = builders.submit(monitored, now=self.now - HOUR)
        outcomes.record(self.claim(refused), Outcome(OutcomeKind.FAILED, "550", "No."), now=self.now - HOUR)
        Copy.objects.filter(message=refused).update(due_at=self.now - HOUR)
        self.watch("copy", watchers.COPY, lambda: Copy.objects.get(message=refused).due_at)

    def attempts(self) -> None:
        for phase in ("deferred", "started", "data", "answered"):
            owner = self.tenant(OversightMode.AUTONOMOUS)
            message = builders.submit(owner, now=self.now - HOUR)
            attempt = self.claim(message)
            recipient = message.recipients.get()
            if phase == "deferred":
                outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "Later."), now=self.now - HOUR)
                Recipient.objects.filter(pk=recipient.pk).update(next_at=self.now - HOUR)
            if phase in ("data", "answered"):
                self.begin_body(attempt, is_answered=phase == "answered")
            Attempt.objects.filter(pk=attempt.pk, finished_at__isnull=True).update(lease_until=self.now - HOUR)
            who = watchers.DRAIN if phase == "deferred" else watchers.REAP
            self.watch(phase, who, lambda pk=recipient.pk: _row(Recipient, pk, "state", "next_at"))  # type: ignore[misc]

    def decided(self) -> None:
        for name, who, at in (
            ("open", watchers.EXPIRE, self.now - WEEK),
            ("returned", watchers.RETURNED, self.now - WEEK),
            ("approved", watchers.RELEASE, self.now - HOUR),
            ("of a batch", watchers.BATCHES, self.now - HOUR),
        ):
            owner = self.tenant()
            review, reviewer = self.held(owner, at), builders.reviewer(owner.owner)
            if name == "returned":
                decisions.request_changes(review, reviewer=reviewer, version=1, instructions="Anew.", now=at)
            if name == "approved":
                decisions.approve(review, reviewer=reviewer, version=1, now=at)
            if name == "of a batch":
                bulk.reject([Named(review.pk, 1)], reviewer=reviewer, reason="tone", now=at)
                self.watch("item", who, lambda pk=review.pk: BatchItem.objects.get(review=pk).outcome)  # type: ignore[misc]
            Review.objects.filter(pk=review.pk).update(notice_at=None)
            self.watch(name, who, lambda pk=review.pk: _row(Review, pk, "state", "released_at"))  # type: ignore[misc]
        told = self.held(self.tenant(), self.now - HOUR)
        self.watch("notice", watchers.NOTICES, lambda: _row(Review, told.pk, "notice_stage", "notice_at"))

    def gone(self) -> None:
        owner = self.tenant()
        review = self.held(owner, self.now - HOUR)
        Review.objects.filter(pk=review.pk).update(notice_at=None)
        mailbox.delete(owner.mailbox, by="test", now=clock.now())
        Erasure.objects.filter(mailbox_id=owner.mailbox.pk).update(due_at=self.now + HOUR)
        self.watch("left behind", watchers.DEPARTED, lambda: _row(Review, review.pk, "state"))
        emptied = self.tenant()
        mailbox.delete(emptied.mailbox, by="test", now=clock.now())
        Erasure.objects.filter(mailbox_id=emptied.mailbox.pk).update(due_at=self.now - HOUR)
        self.watch("erasure", watchers.ERASE, lambda: _erasure(emptied))
        revoked = self.tenant()
        key = revoked.agent_actor.key
        assert key is not None
        keys.revoke(revoked.owner_actor, key.pk, now=self.now - HOUR)
        self.watch("revoked", watchers.REVOKED, lambda: RevokedKey.objects.filter(key=key).exists())

    def received(self) -> None:
        box = self.tenant(OversightMode.AUTONOMOUS).mailbox
        unread = arrivals.receive(letter(to=box.full_address), box.full_address)
        self.watch("unread", watchers.INTAKE, lambda: _row(RawMessage, unread.pk, "processed_at"))
        awake = self.tenant(OversightMode.AUTONOMOUS).mailbox
        passed_by = arrivals.receive(letter(to=awake.full_address), awake.full_address)
        RawMessage.objects.filter(pk=passed_by.pk).update(due_at=None)
        self.watch("passed by", watchers.SETTLE_HELD, lambda: _row(RawMessage, passed_by.pk, "due_at"))
        full = self.tenant(OversightMode.AUTONOMOUS)
        over = arrivals.withheld(full.mailbox)
        builders.limit(full.account, LimitKind.MONTHLY_INBOUND, 100)
        self.watch("withheld", watchers.UNLOCK, lambda: _row(Message, over.pk, "unlocked_at"))

    def watch(self, name: str, who: str, look: Look) -> None:
        self.looks[name] = (who, look)

    def claim(self, message: Message) -> Attempt:
        """The attempt at the message, begun an hour ago; what else was due then goes on waiting."""
        Recipient.objects.filter(next_at__isnull=False).exclude(message=message).update(next_at=self.now)
        [attempt] = outbox.claim_due(limit=100, now=self.now - HOUR / 2)
        return attempt

    def begin_body(self, attempt: Attempt, *, is_answered: bool) -> None:
        answers, [mail] = Answers(), delivery.load([attempt])
        delivery.mark(mail, answers=answers)
        if is_answered:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE messaging_attempt SET phase = 'answered', outcome = 'sent', code = '250' WHERE id = %s",
                    [attempt.pk],
                )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("order", ["as they stand", "backwards"])
def test_what_is_stuck_is_moved_by_its_sweeper_and_by_no_other(order: str, settings: Settings) -> None:
    """Every sweeper has its turn, once, in either order; who moves a row first is its watcher."""
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    sweepers = sorted(SWEEPERS, reverse=order == "backwards")
    with zeal.zeal_ignore():
        stuck = Stuck()
        before = {name: look() for name, (_, look) in stuck.looks.items()}
        moved: dict[str, str] = {}
        for sweeper in sweepers:
            current_app.tasks[sweeper]()
            for name, (_, look) in stuck.looks.items():
                if name not in moved and look() != before[name]:
                    moved[name] = sweeper
    assert moved == {name: who for name, (who, _) in stuck.looks.items()}


def _row(model: type[models.Model], pk: object, *columns: str) -> object:
    return model._default_manager.filter(pk=pk).values_list(*columns).first()


def _erasure(owner: Tenant) -> object:
    """How far it has come: a turn of its sweeper is one batch at least."""
    return list(Erasure.objects.filter(mailbox_id=owner.mailbox.pk, finished_at__isnull=True).values_list("counts"))
