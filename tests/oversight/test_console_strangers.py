"""Charlie has an account of his own, and sees nothing of Alice's, by any address."""

from __future__ import annotations

import pytest
from django.test import Client

from mailboxes import clock, keys
from messaging.models import Message
from oversight.console.urls import console
from oversight.models import Review
from tests import builders
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

ACTS = ("approve", "reject", "claim", "let_go", "undo", "revoke_key")


def addresses(alice: builders.Tenant, review: Review) -> dict[str, str]:
    """Every address of the console that names something of one account."""
    pages, message = f"/review/{review.pk}/", f"/messages/{review.message_id}/"
    return {
        "review": pages,
        "body": f"{pages}body/?v=1",
        "link": f"{pages}link/1/",
        "approve": f"{pages}approve/",
        "reject": f"{pages}reject/",
        "undo": f"{pages}undo/",
        "claim": f"{pages}claim/",
        "let_go": f"{pages}let-go/",
        "mailbox": f"/mailboxes/{alice.mailbox.pk}/",
        "thread": f"/threads/{review.message.thread_id}/",
        "message": message,
        "message_body": f"{message}body/",
        "message_link": f"{message}link/1/",
        "message_file": f"{message}files/1/",
        "revoke_key": f"/keys/{keys.create_decide_key(alice.owner, now=clock.now())[0].pk}/revoke/",
    }


def test_a_stranger_gets_404_everywhere() -> None:
    alice = builders.tenant()
    review = builders.held(alice, body_text="https://shop.example/\n")
    charlie, own = seat(builders.tenant("charlie").owner), seat(alice.owner)
    for name, url in addresses(alice, review).items():
        is_act = name in ACTS
        answer = charlie.post(url, {"version": 1, "reason": "tone"}) if is_act else charlie.get(url)
        assert answer.status_code == 404, name
        # Her message has no file.
        assert is_act or own.get(url).status_code == (404 if name == "message_file" else 200), name
    assert Review.objects.get(pk=review.pk).state == "open"


def test_every_address_of_the_console_with_an_id_is_in_that_list() -> None:
    review = builders.held(builders.tenant())
    named = set(addresses(builders.tenant("bob"), review))
    routes, _ = console
    # The link in a notice is its own key, and for one person: test_review_notices.
    assert {route.name for route in routes if "<" in str(route.pattern)} - {"notice_link"} == named


def test_lists_counts_and_events_of_another_account_do_not_leak() -> None:
    alice = builders.tenant()
    review = builders.held(alice, subject="Only for Alice")
    charlie = builders.tenant("charlie")
    client = seat(charlie.owner)
    for path in ("/review/", "/monitor/", "/mailboxes/", "/stop/"):
        assert "Only for Alice" not in text_of(client.get(path))
    assert client.get("/live/since/", {"account": str(alice.account.pk), "cursor": "0"}).status_code == 401
    own = client.get("/live/since/", {"account": str(charlie.account.pk), "cursor": "0"})
    assert str(review.pk) not in text_of(own)
    assert client.get("/review/", {"mailbox": str(alice.mailbox.pk)}).status_code == 200


def test_nobody_without_a_session_sees_anything(client: Client) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    for name, url in addresses(alice, review).items():
        answer = client.post(url) if name in ACTS else client.get(url)
        assert answer.status_code == 302, name
        assert answer.headers["Location"].startswith("/login/"), name


def test_mail_of_a_deleted_mailbox_is_gone_for_everybody() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    type(alice.mailbox).objects.filter(pk=alice.mailbox.pk).update(deleted_at=review.opened_at)
    client = seat(alice.owner)
    for name, url in addresses(alice, review).items():
        if name not in ACTS:
            assert client.get(url).status_code == 404, name
    assert Message.objects.filter(pk=review.message_id).exists()
