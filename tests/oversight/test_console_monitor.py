"""What was sent and written: the monitor, the conversations, single messages."""

from __future__ import annotations

import pytest

from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.models import Direction, Message, Recipient
from oversight import monitoring
from tests import builders
from tests.arrivals import arrive
from tests.letters import letter
from tests.oversight.console import decide, seat, text_of

pytestmark = pytest.mark.django_db


def test_the_monitor_shows_what_left_and_nothing_that_waits() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    builders.submit(alice, subject="Sent by itself")
    builders.held(alice, subject="Still waiting", oversight_mode="gated_send")
    page = text_of(seat(alice.owner).get("/monitor/"))
    assert "Sent by itself" in page
    assert "Still waiting" not in page
    assert "Monitored" in page


def test_the_monitor_tells_sends_apart_by_who_let_them_go() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    builders.submit(alice, subject="By itself")
    builders.submit(alice, subject="Watched", oversight_mode="monitored")
    review = builders.held(alice, subject="Cleared by a person", oversight_mode="gated_send")
    client = seat(alice.owner)
    decide(client, review, "approve")
    for way, subject in (("autonomous", "By itself"), ("monitored", "Watched"), ("approved", "Cleared by a person")):
        feed = text_of(client.get("/monitor/", {"way": way})).partition('id="feed"')[2].partition("</ul>")[0]
        assert feed.count("feed-row") == 1
        assert subject in feed


def test_a_bounce_shows_in_the_row_with_the_servers_words() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    message = builders.submit(alice)
    Recipient.objects.filter(message=message).update(state="bounced", code="5.1.1", text="550 no such user")
    page = text_of(seat(alice.owner).get("/monitor/"))
    assert "Bounced" in page
    assert "550 no such user" in page


def test_the_badge_counts_monitored_sends_until_the_monitor_was_opened() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    builders.submit(alice)
    builders.submit(alice)
    client = seat(alice.owner)
    assert 'unseen-count">2<' in text_of(client.get("/review/"))
    client.get("/monitor/")
    assert 'unseen-count"><' in text_of(client.get("/review/"))
    assert monitoring.unseen(alice.owner_actor, seen_at=None, now=clock.now()).count() == 2


def test_a_mailbox_lists_its_conversations_and_what_waits_in_them() -> None:
    alice = builders.tenant()
    builders.held(alice, subject="Order 12", body_text="The first words.\n")
    client = seat(alice.owner)
    for path in ("/mailboxes/", f"/mailboxes/{alice.mailbox.pk}/"):
        page = text_of(client.get(path))
        assert "Order 12" in page
        assert "The first words." in page
        assert "Waiting" in page
    assert "Order 12" not in text_of(client.get("/mailboxes/", {"q": "nothing"}))
    assert "Order 12" in text_of(client.get("/mailboxes/", {"q": "kim@friends"}))


def test_an_empty_mailbox_says_its_address() -> None:
    alice = builders.tenant()
    page = text_of(seat(alice.owner).get(f"/mailboxes/{alice.mailbox.pk}/"))
    assert "No mail yet" in page
    assert alice.mailbox.full_address in page


def test_a_conversation_shows_each_message_with_its_state_and_the_way_to_its_review() -> None:
    alice = builders.tenant()
    review = builders.held(alice, subject="Order 12", body_text="The whole text.\n<script>alert(1)</script>\n")
    page = text_of(seat(alice.owner).get(f"/threads/{review.message.thread_id}/"))
    assert "The whole text." in page
    assert "<script>alert" not in page
    assert f"/review/{review.pk}/" in page
    assert f"/messages/{review.message_id}/" in page


def test_a_message_shows_its_way_and_its_closed_frame() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice, body_html="<p>Hello</p>")
    client = seat(alice.owner)
    page = text_of(client.get(f"/messages/{message.pk}/"))
    assert "Cleared without a person (autonomous)" in page
    assert f'src="/messages/{message.pk}/body/"' in page
    assert "Approve and send" not in page
    body = client.get(f"/messages/{message.pk}/body/")
    assert body.headers["Content-Security-Policy"].startswith("sandbox ")


def test_a_refused_message_is_not_found() -> None:
    alice = builders.tenant(mode=OversightMode.READ_ONLY)
    message = builders.submit(alice)
    assert message.direction == Direction.OUTBOUND
    assert Message.objects.filter(pk=message.pk).exists()
    assert seat(alice.owner).get(f"/messages/{message.pk}/").status_code == 404


def test_a_received_message_is_read_as_the_confined_parser_read_it() -> None:
    alice = builders.tenant()
    theirs = arrive(alice.mailbox, letter(subject="Order 12"))
    client = seat(alice.owner)
    page = text_of(client.get(f"/messages/{theirs.pk}/"))
    assert "Order 12" in page
    assert "Received" in page
    assert theirs.body_text.strip() in text_of(client.get(f"/messages/{theirs.pk}/body/"))
    assert "Subject" in text_of(client.get(f"/messages/{theirs.pk}/?tab=source"))
