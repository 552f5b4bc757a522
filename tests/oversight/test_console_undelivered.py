"""`/undelivered/`: what was given up, why in plain words, tried again or dropped by a person."""

from __future__ import annotations

import pytest

from mailboxes import clock
from mailboxes.models import Role
from messaging.models import DeadLetter, Message, Status
from messaging.recipients import suppressions
from oversight.console import undelivered
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def test_an_empty_list_says_what_comes_here(alice: Tenant) -> None:
    page = text_of(seat(alice.owner).get("/undelivered/"))
    assert "Everything was delivered or answered" in page
    assert 'href="/undelivered/"' in page  # the menu


def test_a_letter_tells_why_in_plain_words_and_what_was_answered(alice: Tenant) -> None:
    letter = builders.dead_letter(alice)
    page = text_of(seat(alice.owner).get("/undelivered/"))
    assert "The mail server had a problem of its own, or asked to come back later." in page
    assert "“451 Come back later.”" in page
    assert "kim@friends.example" in page
    assert "Tried 2 times" in page
    told = text_of(seat(alice.owner).get(f"/messages/{letter.message_id}/"))
    assert "See what was not delivered" in told


@pytest.mark.parametrize(
    ("cause", "code", "words"),
    [
        ("attempt_refused", "", "Our own guard"),
        ("gave_up", "535", "refused our sign-in"),
        ("gave_up", "connect_failed", "could not be reached"),
        ("gave_up", "471", "put it off each time"),
        ("gave_up", "599", "refused it"),
        ("gave_up", "", "before its time was over"),
    ],
)
def test_each_end_has_words_of_its_own(cause: str, code: str, words: str) -> None:
    assert words in undelivered.why(DeadLetter(cause=cause, code=code))


def test_a_letter_is_tried_again_after_a_question(alice: Tenant) -> None:
    letter, client = builders.dead_letter(alice), seat(builders.member(alice.account))
    url = f"/undelivered/{letter.pk}/requeue/"
    assert "Try it again?" in text_of(client.get(url))
    assert Message.objects.get(pk=letter.message_id).status == Status.FAILED
    assert client.post(url, {"note": "The server is back."}).headers["Location"] == "/undelivered/"
    assert "It is tried again for kim@friends.example." in text_of(client.get("/undelivered/"))
    assert Message.objects.get(pk=letter.message_id).status == Status.QUEUED
    letter.refresh_from_db()
    assert (letter.end, letter.note) == ("requeued", "The server is back.")
    client.post(url)  # twice: it waits for nobody any more
    assert "It waits for nobody any more." in text_of(client.get("/undelivered/"))


def test_a_letter_is_dropped_for_good_and_a_suppressed_one_is_not_tried_again(alice: Tenant) -> None:
    letter, client = builders.dead_letter(alice), seat(alice.owner)
    suppressions.add_by_hand(alice.agent_actor, "kim@friends.example", now=clock.now())
    client.post(f"/undelivered/{letter.pk}/requeue/")
    assert "is on the suppression list" in text_of(client.get("/undelivered/"))
    assert client.post(f"/undelivered/{letter.pk}/drop/", {"note": "x" * 5000}).status_code == 422
    client.post(f"/undelivered/{letter.pk}/drop/")
    letter.refresh_from_db()
    assert letter.end == "dropped"
    assert "Everything was delivered" in text_of(client.get("/undelivered/"))


def test_a_viewer_reads_and_acts_on_nothing(alice: Tenant) -> None:
    letter, vera = builders.dead_letter(alice), seat(builders.member(alice.account, "vera", Role.VIEWER))
    page = text_of(vera.get("/undelivered/"))
    assert "kim@friends.example" in page
    assert f"/undelivered/{letter.pk}/" not in page
    for verb in ("requeue", "drop"):
        assert vera.get(f"/undelivered/{letter.pk}/{verb}/").status_code == 403
        assert vera.post(f"/undelivered/{letter.pk}/{verb}/").status_code == 403
    letter.refresh_from_db()
    assert letter.end == ""
