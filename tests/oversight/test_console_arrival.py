"""The two addresses that `/v1` names for the human of an account."""

from __future__ import annotations

import pytest
from django.test import Client

from mailboxes import accounts
from mailboxes.models import User
from tests import builders
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


def test_the_dashboard_is_the_queue_and_says_that_the_address_is_confirmed() -> None:
    client = seat(builders.tenant().owner)
    assert client.get("/dashboard?verified=true").headers["Location"] == "/review/"
    assert "Your address is confirmed." in text_of(client.get("/review/"))
    client.get("/dashboard")
    assert "Your address is confirmed." not in text_of(client.get("/review/"))


def test_the_dashboard_asks_for_the_sign_in_and_leads_back(client: Client) -> None:
    alice = builders.tenant()
    asked = client.get("/dashboard?verified=true")
    assert asked.headers["Location"] == "/login/?next=%2Fdashboard%3Fverified%3Dtrue"
    signing = {"username": alice.owner.user.email, "password": builders.PASSWORD, "next": "/dashboard?verified=true"}
    assert client.post("/login/", signing).headers["Location"] == "/dashboard?verified=true"


def test_the_first_steps_lead_to_a_new_link_or_to_the_queue(client: Client) -> None:
    page = text_of(client.get("/onboarding"))
    assert "/verify/again/" in page
    assert "/login/" in page
    assert 'href="/review/"' in text_of(seat(builders.tenant().owner).get("/onboarding"))


def test_who_has_just_confirmed_an_address_reads_so_above_the_queue(client: Client) -> None:
    alice = builders.tenant(is_verified=False)
    token = accounts.verification_token(User.objects.get(pk=alice.owner.user_id))
    own = "a password of my own"
    done = client.post(f"/verify/{token}/", {"password1": own, "password2": own})
    assert "Your address is confirmed" in text_of(client.get(done.headers["Location"]))
    used = client.get(f"/verify/{token}/")
    assert used.status_code == 410
    assert "It was used before, or it is too old." in text_of(used)
