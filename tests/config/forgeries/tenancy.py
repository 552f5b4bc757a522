"""One account's things hang on another's."""

from __future__ import annotations

from mailboxes.models import Event
from tests import builders
from tests.builders import Tenant

from .forging import Forgery, forge


def mailbox_moves_to_another_account(alice: Tenant) -> None:
    other = builders.tenant("bob")
    forge("UPDATE mailboxes_mailbox SET account_id = %(a)s WHERE id = %(m)s", a=other.account.pk, m=alice.mailbox.pk)


def live_key_becomes_a_test_key(alice: Tenant) -> None:
    forge("UPDATE mailboxes_apikey SET environment = 'test' WHERE account_id = %(a)s", a=alice.account.pk)


def review_moves_to_another_account(alice: Tenant) -> None:
    review = builders.held(alice)
    forge(
        "UPDATE oversight_review SET account_id = %(a)s WHERE id = %(r)s",
        a=builders.tenant("bob").account.pk,
        r=review.pk,
    )


def webhook_of_another_accounts_mailbox(alice: Tenant) -> None:
    endpoint, _ = builders.webhook(alice)
    other = builders.tenant("bob")
    forge("UPDATE messaging_webhookendpoint SET mailbox_id = %(m)s WHERE id = %(w)s", m=other.mailbox.pk, w=endpoint.pk)


def another_accounts_event_is_told(alice: Tenant) -> None:
    delivery = builders.webhook_delivery(builders.webhook(alice)[0])
    event = Event.objects.filter(account=builders.tenant("bob").account).first()
    assert event is not None
    forge("UPDATE messaging_webhookdelivery SET event_id = %(e)s WHERE id = %(d)s", e=event.pk, d=delivery.pk)


def thread_joins_two_mailboxes(alice: Tenant) -> None:
    theirs, mine = builders.submit(builders.tenant("bob")), builders.submit(alice)
    forge("UPDATE messaging_message SET thread_id = %(t)s WHERE id = %(m)s", t=theirs.thread_id, m=mine.pk)


FORGERIES: list[tuple[str, Forgery]] = [
    ("I24", mailbox_moves_to_another_account),
    ("I24", live_key_becomes_a_test_key),
    ("I25", review_moves_to_another_account),
    ("I25", webhook_of_another_accounts_mailbox),
    ("I25", another_accounts_event_is_told),
    ("I31", thread_joins_two_mailboxes),
]
