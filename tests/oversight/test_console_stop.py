"""The kill switch: any reviewer stops, an owner or admin resumes with the password, all by plain pages."""

from __future__ import annotations

import pytest
from django.utils.html import escape

from mailboxes import clock, stop_labels, stops
from mailboxes.models import Account, Role, StopScope
from mailboxes.modes import OversightMode
from tests import builders
from tests.flips import Flip
from tests.oversight.console import decide, seat, text_of

pytestmark = pytest.mark.django_db


def stopped(account: Account) -> bool:
    return Account.objects.get(pk=account.pk).stopped_at is not None


def test_a_reviewer_stops_all_sending_and_every_page_says_so() -> None:
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    client = seat(rhea)
    response = client.post("/stop/", {"confirm": "stop", "reason": "Odd prices"})
    assert response.headers["Location"] == "/review/"
    assert stopped(alice.account)
    for path in ("/review/", "/monitor/", "/mailboxes/"):
        page = text_of(seat(alice.owner).get(path))
        assert "All sending is stopped." in page
        assert f"{rhea.user.name} stopped it" in page
        assert "Odd prices" in page


def test_the_page_says_the_effect_in_numbers() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    client = seat(alice.owner)
    builders.submit(alice)
    first = builders.held(alice, oversight_mode="gated_send")
    builders.held(alice, oversight_mode="gated_send")
    decide(client, first, "approve")
    page = " ".join(text_of(client.get("/stop/")).split())
    for label in ("queued to leave", "approved, in their undo time", "waiting for review"):
        assert f"<dt>{label}</dt><dd>1</dd>" in page


@pytest.mark.parametrize("word", ["", "yes", "STOPP"])
def test_nothing_is_stopped_without_the_word(word: str) -> None:
    alice = builders.tenant()
    response = seat(alice.owner).post("/stop/", {"confirm": word, "reason": "kept"})
    assert response.status_code == 422
    assert 'aria-describedby="confirm-error"' in text_of(response)
    assert "kept" in text_of(response)
    assert not stopped(alice.account)


def test_a_viewer_neither_stops_nor_resumes() -> None:
    alice = builders.tenant()
    vera = seat(builders.member(alice.account, "vera", Role.VIEWER))
    assert vera.post("/stop/", {"confirm": "STOP"}).status_code == 403
    assert not stopped(alice.account)


def test_an_owner_resumes_with_the_password() -> None:
    alice = builders.tenant()
    stops.stop(alice.owner, reason="", now=clock.now())
    client = seat(alice.owner)
    assert "This is not your password." in text_of(client.post("/stop/resume/", {"password": "wrong"}))
    assert stopped(alice.account)
    assert client.post("/stop/resume/", {"password": builders.PASSWORD}).headers["Location"] == "/review/"
    assert not stopped(alice.account)
    assert client.get("/stop/resume/").status_code == 302


def test_a_reviewer_does_not_resume_even_with_the_password() -> None:
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    stops.stop(rhea, reason="", now=clock.now())
    client = seat(rhea)
    assert "Ask one of them" in text_of(client.get("/stop/resume/"))
    client.post("/stop/resume/", {"password": builders.PASSWORD})
    assert stopped(alice.account)


def test_guessing_the_password_locks_the_resume() -> None:
    alice = builders.tenant()
    stops.stop(alice.owner, reason="", now=clock.now())
    client = seat(alice.owner)
    for _ in range(8):
        page = text_of(client.post("/stop/resume/", {"password": "wrong"}))
    assert "Try again after" in page
    assert "Try again after" in text_of(client.post("/stop/resume/", {"password": builders.PASSWORD}))
    assert stopped(alice.account)


@pytest.mark.parametrize("scope", [StopScope.MAILBOX, StopScope.AGENT, StopScope.KEY])
def test_a_part_is_stopped_without_the_word_and_every_page_names_it(scope: StopScope) -> None:
    alice = builders.tenant()
    subject = Flip(alice, scope).subject_id
    rhea = seat(builders.member(alice.account))
    form = text_of(rhea.get("/stop/"))
    assert f'value="{scope.value}:{subject}"' in form
    assert rhea.post("/stop/", {"what": f"{scope.value}:{subject}", "reason": "Odd prices"}).status_code == 302
    assert not stopped(alice.account)
    (told,) = stop_labels.labelled(stop_labels.standing(alice.account))
    owner = seat(alice.owner)
    for path in ("/review/", "/monitor/", "/stop/"):
        page = text_of(owner.get(path))
        assert f"Sending of {escape(told.label)} is stopped." in page
        assert "Odd prices" in page
    address = f"/stop/resume/?stop={told.stop.pk}"
    assert f"Resume sending of {escape(told.label)}?" in text_of(owner.get(address))
    owner.post("/stop/resume/", {"stop": told.stop.pk, "password": builders.PASSWORD})
    assert not stop_labels.standing(alice.account).exists()


def test_each_choice_says_how_much_it_would_keep() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    builders.submit(alice)
    builders.held(alice, oversight_mode="gated_send")
    page = " ".join(text_of(seat(alice.owner).get("/stop/")).split())
    assert page.count("1 queued, 1 waiting for review") == 3


@pytest.mark.parametrize("what", ["mailbox:", "everything", "domain:x", "mailbox"])
def test_what_is_no_choice_is_not_stopped(what: str) -> None:
    alice = builders.tenant()
    answer = seat(alice.owner).post("/stop/", {"what": what, "confirm": "STOP"})
    assert answer.status_code == 422
    assert "Choose what to stop." in text_of(answer)
    assert not stop_labels.standing(alice.account).exists()


def test_a_strangers_mailbox_is_neither_stopped_nor_resumed() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    assert seat(charlie.owner).post("/stop/", {"what": f"mailbox:{alice.mailbox.pk}"}).status_code == 404
    made = stops.stop(alice.owner, scope=StopScope.MAILBOX, subject_id=alice.mailbox.pk, now=clock.now())
    assert made is not None
    seat(charlie.owner).post("/stop/resume/", {"stop": made.pk, "password": builders.PASSWORD})
    assert stop_labels.standing(alice.account).exists()


def test_a_stop_of_the_server_stands_on_every_page_and_is_nobodys_here_to_end() -> None:
    alice = builders.tenant()
    stops.stop_everything(by="operator:test", reason="Odd mail", now=clock.now())
    page = text_of(seat(alice.owner).get("/review/"))
    assert "All sending of this server is stopped." in page
    assert "Odd mail" in page
    assert seat(alice.owner).get("/stop/resume/").status_code == 302
