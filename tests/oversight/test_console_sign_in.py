"""Who gets in, who does not and is told how, and where sign-in leads."""

from __future__ import annotations

import pytest
from django.core import signing
from django.core.cache import cache
from django.test import Client

from mailboxes import accounts
from mailboxes.models import Event, Member, Role, User
from tests import builders
from tests.api_client import Api
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    cache.clear()


def test_a_member_signs_in_and_stands_before_the_queue(client: Client) -> None:
    rhea = builders.member(builders.tenant().account)
    response = client.post("/login/", {"username": rhea.user.email.upper(), "password": builders.PASSWORD})
    assert response.headers["Location"] == "/review/"
    assert "Review queue" in text_of(client.get("/review/"))
    assert client.get("/").headers["Location"] == "/review/"


def test_a_password_known_to_an_agent_opens_nothing_and_says_how_to_set_an_own_one(client: Client) -> None:
    alice = builders.tenant(is_verified=False)
    response = client.post("/login/", {"username": alice.owner.user.email, "password": builders.PASSWORD})
    assert "Open the link in the verification mail" in text_of(response)
    assert "/verify/again/" in text_of(response)
    assert client.get("/review/").status_code == 302


def test_a_wrong_password_says_the_same_for_every_address(client: Client) -> None:
    rhea = builders.member(builders.tenant().account)
    known = client.post("/login/", {"username": rhea.user.email, "password": "wrong"})
    unknown = client.post("/login/", {"username": "nobody@people.example", "password": "wrong"})
    assert "do not match" in text_of(known)
    assert "do not match" in text_of(unknown)


def test_too_many_wrong_passwords_lock_the_address_and_say_until_when(client: Client) -> None:
    rhea = builders.member(builders.tenant().account)
    for _ in range(8):
        response = client.post("/login/", {"username": rhea.user.email, "password": "wrong"})
    assert response.status_code == 429
    assert "Try again after" in text_of(response)
    right = client.post("/login/", {"username": rhea.user.email, "password": builders.PASSWORD})
    assert right.status_code == 429
    assert client.get("/review/").status_code == 302


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_sign_in_never_leads_elsewhere(client: Client, elsewhere: str) -> None:
    rhea = builders.member(builders.tenant().account)
    response = client.post("/login/", {"username": rhea.user.email, "password": builders.PASSWORD, "next": elsewhere})
    assert response.headers["Location"] == "/review/"


def test_sign_in_leads_back_to_the_page_that_asked_for_it(client: Client) -> None:
    rhea = builders.member(builders.tenant().account)
    asked = client.get("/monitor/?way=approved")
    assert asked.headers["Location"] == "/login/?next=%2Fmonitor%2F%3Fway%3Dapproved"
    response = client.post(
        "/login/", {"username": rhea.user.email, "password": builders.PASSWORD, "next": "/monitor/?way=approved"}
    )
    assert response.headers["Location"] == "/monitor/?way=approved"


def test_a_part_of_a_page_that_needs_sign_in_answers_401_with_the_way_there(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/review/?q=1"}
    response = client.get("/review/", headers=headers)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login/?next=%2Freview%2F%3Fq%3D1"


def test_signing_out_takes_a_post_and_ends_the_session() -> None:
    client = seat(builders.member(builders.tenant().account))
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/review/").status_code == 302


def test_an_operator_without_an_account_is_told_so(client: Client) -> None:
    operator = User.objects.create_superuser("op@people.example", builders.PASSWORD)
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get("/review/")
    assert response.status_code == 403
    assert "belongs to no account" in text_of(response)


def test_a_person_of_two_accounts_chooses_and_the_session_keeps_it() -> None:
    alice, other = builders.tenant(), builders.tenant("dana")
    rhea = builders.member(alice.account)
    Member.objects.create(user=rhea.user, account=other.account, role=Role.REVIEWER)
    builders.held(other, subject="Only in the other account")
    client = seat(rhea)
    assert "Only in the other account" not in text_of(client.get("/review/"))
    client.post("/account/", {"account": str(other.account.pk)})
    assert "Only in the other account" in text_of(client.get("/review/"))
    charlie = builders.tenant("charlie")
    assert client.post("/account/", {"account": str(charlie.account.pk)}).status_code == 404


def test_nobody_keeps_a_page_of_the_console() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    client = seat(alice.owner)
    for path in ("/review/", f"/review/{review.pk}/", f"/review/{review.pk}/body/", "/monitor/", "/mailboxes/"):
        assert "no-store" in client.get(path).headers["Cache-Control"]


class TestVerification:
    def token_of(self, alice: builders.Tenant) -> str:
        return accounts.verification_token(User.objects.get(pk=alice.owner.user_id))

    def test_opening_the_link_changes_nothing(self, client: Client) -> None:
        alice = builders.tenant(is_verified=False)
        for _ in range(3):
            response = client.get(f"/verify/{self.token_of(alice)}/")
        assert response.status_code == 200
        # "no-referrer" would make the browser send "Origin: null" with the form, which CSRF protection refuses.
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert not User.objects.get(pk=alice.owner.user_id).is_proven_human

    def test_setting_a_password_confirms_the_address_and_signs_in(self, client: Client) -> None:
        alice = builders.tenant(is_verified=False)
        token, own = self.token_of(alice), "a password of my own"
        response = client.post(f"/verify/{token}/", {"password1": own, "password2": own})
        assert response.headers["Location"] == "/review/"
        assert client.get("/review/").status_code == 200
        user = User.objects.get(pk=alice.owner.user_id)
        assert user.is_proven_human
        assert not user.check_password(builders.PASSWORD)
        assert client.get(f"/verify/{token}/").status_code == 410

    @pytest.mark.parametrize(
        ("one", "two", "said"),
        [("short", "short", "too short"), ("a password of my own", "another password", "differ"), ("", "", "required")],
    )
    def test_a_poor_password_is_refused_with_words(self, client: Client, one: str, two: str, said: str) -> None:
        alice = builders.tenant(is_verified=False)
        response = client.post(f"/verify/{self.token_of(alice)}/", {"password1": one, "password2": two})
        assert response.status_code == 422
        assert said in text_of(response)
        assert not User.objects.get(pk=alice.owner.user_id).is_proven_human

    def test_an_old_link_says_so_and_offers_a_new_one(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        token = self.token_of(builders.tenant(is_verified=False))

        def expired(*_: object, **__: object) -> None:
            raise signing.SignatureExpired("old")

        monkeypatch.setattr(signing, "loads", expired)
        response = client.get(f"/verify/{token}/")
        assert response.status_code == 410
        assert "/verify/again/" in text_of(response)

    def test_a_new_link_is_sent_once_in_a_while_and_nobody_learns_who_is_here(self, client: Client) -> None:
        alice = builders.tenant(is_verified=False)
        asked = Event.objects.filter(account=alice.account, kind="account.verification_requested")
        before = asked.count()
        first = client.post("/verify/again/", {"email": alice.owner.user.email})
        client.post("/verify/again/", {"email": alice.owner.user.email})
        unknown = client.post("/verify/again/", {"email": "nobody@people.example"})
        assert asked.count() == before + 1
        assert first.status_code == unknown.status_code == 200
        assert "Look into your mail" in text_of(unknown)

    def test_so_many_links_are_asked_for_from_one_address(self, client: Client) -> None:
        answers = [client.post("/verify/again/", {"email": f"x{n}@people.example"}) for n in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert "Too many requests from your address." in text_of(answers[10])
        answer = Api().post("/auth/resend-verification", {"email": "x@people.example"})
        assert answer.status == 429  # counted together with those of the API

    def test_a_proven_human_gets_no_new_link(self, client: Client) -> None:
        alice = builders.tenant()
        asked = Event.objects.filter(account=alice.account, kind="account.verification_requested")
        before = asked.count()
        client.post("/verify/again/", {"email": alice.owner.user.email})
        assert asked.count() == before


def test_times_are_told_in_the_zone_of_the_browser() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    client = seat(alice.owner)
    client.cookies["gatepost_zone"] = "Asia/Kathmandu"
    page = text_of(client.get(f"/review/{review.pk}/"))
    assert "+05:45" in page
    client.cookies["gatepost_zone"] = "../../etc/passwd"
    assert client.get("/review/").status_code == 200
