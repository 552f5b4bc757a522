"""Webhooks that miss events, lie about what they were told, or are told in disorder, late, never."""

from __future__ import annotations

from datetime import timedelta

from mailboxes import clock, events
from mailboxes.ids import new_id
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tests import builders
from tests.builders import Tenant

from .forging import Forgery, broken_now, forge

KIND = "message.received"


def told(owner: Tenant, count: int = 1, *, is_ordered: bool = False) -> WebhookEndpoint:
    """An endpoint that was told of so many events, a second apart, by one attempt each."""
    endpoint, _ = builders.webhook(owner)
    now = clock.now()
    for number in range(count):
        event = events.record(owner.account, KIND, subject=str(new_id()), data={}, now=now)
        row = WebhookDelivery.objects.create(
            endpoint=endpoint, event_id=event.pk, event_seq=event.seq, event=KIND,
            status=DeliveryStatus.DELIVERED, attempts=1,
        )  # fmt: skip
        at = now + timedelta(seconds=number)
        WebhookAttempt.objects.create(delivery=row, number=1, started_at=at, duration_ms=5, response_status=204)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(cursor=event.seq, is_ordered=is_ordered)
    assert not broken_now()
    return endpoint


def event_was_passed_over(alice: Tenant) -> None:
    told(alice, 2)
    forge(
        "DELETE FROM messaging_webhookattempt",
        "DELETE FROM messaging_webhookdelivery WHERE event_seq = ("
        "SELECT max(event_seq) FROM messaging_webhookdelivery)",
    )


def delivery_is_of_a_stranger(alice: Tenant) -> None:
    told(alice)
    other = builders.tenant("charlie")
    theirs = Event.objects.filter(account=other.account).earliest("seq")
    forge("UPDATE messaging_webhookdelivery SET event_id = %(theirs)s", theirs=theirs.pk)


def delivery_is_ahead_of_the_cursor(alice: Tenant) -> None:
    told(alice)
    forge("UPDATE messaging_webhookendpoint SET cursor = cursor - 1")


def webhook_attempts_are_miscounted(alice: Tenant) -> None:
    told(alice)
    forge("UPDATE messaging_webhookdelivery SET attempts = 2")


def delivered_without_an_answer(alice: Tenant) -> None:
    told(alice)
    forge("UPDATE messaging_webhookattempt SET response_status = 500")


def newer_is_told_before_older(alice: Tenant) -> None:
    told(alice, 3, is_ordered=True)
    forge(
        "UPDATE messaging_webhookattempt SET started_at = started_at - interval '1 minute' WHERE delivery_id = ("
        "SELECT id FROM messaging_webhookdelivery ORDER BY event_seq DESC LIMIT 1)"
    )


def newer_is_told_while_older_waits(alice: Tenant) -> None:
    told(alice, 3, is_ordered=True)
    forge(
        "DELETE FROM messaging_webhookattempt WHERE delivery_id = ("
        "SELECT id FROM messaging_webhookdelivery ORDER BY event_seq LIMIT 1)",
        "UPDATE messaging_webhookdelivery SET status = 'PENDING', next_at = now(), attempts = 0 WHERE event_seq = ("
        "SELECT min(event_seq) FROM messaging_webhookdelivery)",
    )


def endpoint_is_forgotten_while_others_are_told(alice: Tenant) -> None:
    forgotten = told(alice)
    told(alice)
    forge(
        "DELETE FROM messaging_webhookattempt t USING messaging_webhookdelivery d"
        " WHERE d.id = t.delivery_id AND d.endpoint_id = %(id)s",
        "UPDATE messaging_webhookdelivery SET status = 'PENDING', next_at = now() - interval '1 hour', attempts = 0"
        " WHERE endpoint_id = %(id)s",
        id=forgotten.pk,
    )


def failure_is_not_recorded(alice: Tenant) -> None:
    told(alice)
    forge("UPDATE messaging_webhookendpoint SET status = 'FAILED'")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I16c", failure_is_not_recorded),
    ("I17", event_was_passed_over),
    ("I17b", delivery_is_of_a_stranger),
    ("I17b", delivery_is_ahead_of_the_cursor),
    ("I17b", webhook_attempts_are_miscounted),
    ("I17b", delivered_without_an_answer),
    ("I18", newer_is_told_before_older),
    ("I18", newer_is_told_while_older_waits),
    ("I19", endpoint_is_forgotten_while_others_are_told),
]
