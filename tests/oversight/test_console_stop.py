"""The kill switch: any reviewer stops, an owner or admin resumes with the password, all by plain pages."""

from __future__ import annotations

import pytest

from mailboxes import clock, stops
from mailboxes.models import Account, Role
from mailboxes.modes import OversightMode
from tests import builders
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
