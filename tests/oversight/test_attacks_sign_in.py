"""A61, A56: attacks on sign-in, its second step and what a recent proof opens, each with its payload."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import zeal
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from mailboxes import accounts, second_factor, second_step
from mailboxes.models import Member, User
from tests import builders
from tests.codes import code_of, enrol, wrong_code
from tests.conftest import Clock
from tests.oversight.console import seat, text_of
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

PAGES = [
    "/login/",
    "/settings/security/",
    "/settings/security/set-up/",
    "/settings/security/off/",
    "/settings/security/prove/",
]
ACTS = [
    "/login/",
    "/settings/security/set-up/",
    "/settings/security/off/",
    "/settings/security/prove/",
    "/settings/security/codes/",
    "/settings/security/members/",
    "/keys/",
    "/stop/resume/",
]
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    "https://testserver@evil.example/",
    "/\t/evil.example",
    "monitor/",
]


class CountingHasher(Argon2PasswordHasher):
    """Argon2, which says how often it worked."""

    work = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).work += 1
        return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        type(self).work += 1
        return super().verify(password, encoded)


@pytest.fixture(autouse=True)
def _still(clock: Clock) -> Iterator[None]:
    cache.clear()
    clock.set(clock.now())
    with zeal.zeal_ignore():  # the same browser signs in again and again: Django reads a session twice to cycle it
        yield


@pytest.fixture
def rhea(clock: Clock) -> Member:
    return builders.member(builders.tenant().account)


def sign_in(client: Client, email: str, password: str = builders.PASSWORD, **more: str) -> int:
    return client.post("/login/", {"username": email, "password": password, **more}).status_code


def cookie(client: Client) -> str:
    return next((value.value for name, value in client.cookies.items() if name.endswith("_session")), "")


class TestSpray:
    def test_one_password_tried_on_many_names_is_refused_by_address(self, rhea: Member, settings: Settings) -> None:
        settings.SIGN_INS_PER_HOUR = 10
        client = Client(REMOTE_ADDR="198.51.100.9")
        answers = [sign_in(client, f"person{number}@people.example", "Winter2026!") for number in range(12)]
        assert answers == [200] * 10 + [429] * 2
        assert sign_in(client, rhea.user.email) == 429  # even the right one, from there
        assert sign_in(Client(), rhea.user.email) == 302

    def test_a_client_is_all_of_its_ipv6_network(self, settings: Settings) -> None:
        settings.SIGN_INS_PER_HOUR = 3
        addresses = [f"2001:db8:0:1::{number:x}" for number in range(1, 6)]
        answers = [sign_in(Client(REMOTE_ADDR=one), "x@people.example", "Winter2026!") for one in addresses]
        assert answers == [200] * 3 + [429] * 2

    def test_right_sign_ins_are_not_counted(self, rhea: Member, settings: Settings) -> None:
        settings.SIGN_INS_PER_HOUR = 2
        assert [sign_in(Client(), rhea.user.email) for _ in range(4)] == [302] * 4

    def test_the_lock_of_a_name_is_the_attackers_own_and_keeps_its_owner_not_out(self, rhea: Member) -> None:
        attacker = Client(REMOTE_ADDR="198.51.100.9")
        for _ in range(8):
            sign_in(attacker, rhea.user.email, "Winter2026!")
        assert sign_in(attacker, rhea.user.email) == 429
        assert sign_in(Client(), rhea.user.email) == 302


class TestEnumeration:
    def answer(self, email: str) -> str:
        response = Client().post("/login/", {"username": email, "password": "wrong"})
        page = re.sub(r'csrfmiddlewaretoken" value="[^"]+"', "", text_of(response))
        return f"{response.status_code} {page.replace(email, '')}"

    def test_unknown_known_enrolled_and_unproven_are_told_the_same(self, rhea: Member, clock: Clock) -> None:
        ben = builders.member(builders.tenant().account, "ben")
        enrol(ben.user, now=clock.now())
        unproven = builders.tenant(is_verified=False).owner
        emails = ["nobody@people.example", rhea.user.email, ben.user.email, unproven.user.email]
        assert len({self.answer(email) for email in emails}) == 1

    def test_an_unknown_name_costs_the_same_work_as_a_known_one(self, rhea: Member, settings: Settings) -> None:
        settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
        person = User.objects.get(pk=rhea.user_id)
        person.set_password(builders.PASSWORD)
        person.save()
        work = {}
        for name in ("nobody@people.example", rhea.user.email):
            CountingHasher.work = 0
            sign_in(Client(), name, "wrong")
            work[name] = CountingHasher.work
        assert set(work.values()) == {1}

    def test_who_has_a_second_step_is_learned_only_with_the_password(self, rhea: Member, clock: Clock) -> None:
        enrol(rhea.user, now=clock.now())
        client = Client()
        assert sign_in(client, rhea.user.email, "wrong") == 200
        assert client.get("/login/code/").headers["Location"].startswith("/login/")


class TestLinks:
    def test_a_forged_host_names_no_link(self, settings: Settings) -> None:
        tenant = builders.tenant(is_verified=False)
        cache.clear()
        asked = {"email": tenant.owner.user.email}
        assert Client().post("/verify/again/", asked, headers={"host": "evil.example"}).status_code == 400
        forwarded = {"x-forwarded-host": "evil.example"}
        assert Client().post("/verify/again/", asked, headers=forwarded).status_code == 200
        mails = mails_to(tenant.owner.user.email)
        assert mails
        assert not any("evil.example" in f"{mail.body_text}{mail.body_html}" for mail in mails)

    def test_a_used_link_sets_no_second_password(self) -> None:
        tenant = builders.tenant(is_verified=False)
        token = accounts.verification_token(User.objects.get(pk=tenant.owner.user_id))
        own, theirs = "a password of my own", "a password of theirs"
        assert Client().post(f"/verify/{token}/", {"password1": own, "password2": own}).status_code == 302
        again = Client().post(f"/verify/{token}/", {"password1": theirs, "password2": theirs})
        assert again.status_code == 410
        assert User.objects.get(pk=tenant.owner.user_id).check_password(own)


class TestGuessingCodes:
    def test_a_thousand_guesses_from_a_thousand_addresses_are_five(self, rhea: Member, clock: Clock) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        wrong, statuses = wrong_code(secret, clock.now()), []
        for number in range(20):
            client = Client(REMOTE_ADDR=f"198.51.100.{number}")
            sign_in(client, rhea.user.email)
            statuses.append(client.post("/login/code/", {"code": wrong}).status_code)
        assert statuses == [422] * 4 + [429] * 16

    def test_signing_in_anew_does_not_forget_the_wrong_ones(self, rhea: Member, clock: Clock) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        for number in range(5):
            client = Client()
            sign_in(client, rhea.user.email)
            status = client.post("/login/code/", {"code": wrong_code(secret, clock.now())}).status_code
            assert status == (422 if number < 4 else 429)

    def test_every_page_that_takes_a_code_counts_together(self, rhea: Member, clock: Clock) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        wrong, client = {"code": wrong_code(secret, clock.now())}, seat(rhea)
        for path, more in (
            ("/settings/security/prove/", {}),
            ("/keys/", {"name": "x"}),
            ("/settings/security/off/", {"password": builders.PASSWORD}),
            ("/settings/security/prove/", {}),
            ("/settings/security/prove/", {}),
        ):
            client.post(path, wrong | more)
        other = Client()
        sign_in(other, rhea.user.email)
        assert other.post("/login/code/", {"code": code_of(secret, clock.now())}).status_code == 429

    def test_the_locked_person_still_stops_all_sending(self, rhea: Member, clock: Clock) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        client = seat(rhea)
        for _ in range(5):
            client.post("/settings/security/prove/", {"code": wrong_code(secret, clock.now())})
        assert client.post("/stop/", {"confirm": "STOP"}).headers["Location"] == "/review/"


class TestFixation:
    def test_a_session_that_somebody_put_into_the_browser_is_another_after_each_step(
        self, rhea: Member, clock: Clock
    ) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        now = clock.advance(seconds=60)
        victim, attacker = Client(), Client()
        sign_in(attacker, rhea.user.email, "wrong")
        victim.cookies = attacker.cookies
        sign_in(victim, rhea.user.email)
        waiting = cookie(victim)
        victim.post("/login/code/", {"code": code_of(secret, now)})
        assert victim.get("/review/").status_code == 200
        assert len({cookie(victim), waiting}) == 2
        thief = Client()
        for name in victim.cookies:
            thief.cookies[name] = waiting
        assert thief.get("/review/").status_code == 302

    def test_proof_of_one_person_is_none_of_the_next_in_the_same_browser(self, rhea: Member, clock: Clock) -> None:
        ben = builders.member(rhea.account, "ben")
        client = seat(rhea)
        client.post("/settings/security/prove/", {"password": builders.PASSWORD})
        sign_in(client, ben.user.email)
        assert "current-password" in text_of(client.get("/keys/"))

    def test_a_password_typed_before_the_second_step_came_is_no_proof_after_it(
        self, rhea: Member, clock: Clock
    ) -> None:
        client = seat(rhea)
        client.post("/settings/security/prove/", {"password": builders.PASSWORD})
        enrol(rhea.user, now=clock.now())
        assert client.get("/keys/").status_code == 302  # that session is over
        session = seat(rhea)
        store = session.session
        store[second_step.PROOF] = {"user": str(rhea.user_id), "by": "password", "at": clock.now().isoformat()}
        store.save()
        assert "one-time-code" in text_of(session.get("/keys/"))


class TestOpenRedirect:
    @pytest.mark.parametrize("elsewhere", ELSEWHERE)
    def test_no_step_leads_elsewhere(self, rhea: Member, clock: Clock, elsewhere: str) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        now, client = clock.advance(seconds=60), Client()
        first = client.post(
            "/login/", {"username": rhea.user.email, "password": builders.PASSWORD, "next": elsewhere}
        ).headers["Location"]
        second = client.post("/login/code/", {"code": code_of(secret, now), "next": elsewhere}).headers["Location"]
        third = client.post("/settings/security/prove/", {"next": elsewhere}).headers["Location"]
        assert (first, second, third) == ("/login/code/", "/review/", "/settings/security/")

    def test_the_admin_leads_to_our_sign_in_and_no_further(self) -> None:
        answer = Client().get("/admin/login/?next=//evil.example/")
        assert answer.headers["Location"].startswith("/login/?next=")
        page = text_of(Client().get(answer.headers["Location"]))
        assert "evil.example" not in page


class TestForgery:
    """A56 for these pages."""

    @pytest.mark.parametrize("path", ACTS)
    def test_a_form_of_another_site_does_nothing(self, rhea: Member, clock: Clock, path: str) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        client = Client(enforce_csrf_checks=True)
        client.force_login(rhea.user, backend="django.contrib.auth.backends.ModelBackend")
        fields = {"code": code_of(secret, clock.now()), "password": builders.PASSWORD, "name": "x"}
        answer = client.post(path, fields, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
        assert second_factor.is_enrolled(User.objects.get(pk=rhea.user_id))

    @pytest.mark.parametrize("path", PAGES)
    def test_no_page_is_framed_or_kept(self, rhea: Member, path: str) -> None:
        client = seat(rhea) if path != "/login/" else Client()
        client.post("/settings/security/prove/", {"password": builders.PASSWORD})
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "no-store" in answer.headers["Cache-Control"]

    def test_a_get_never_acts(self, rhea: Member, clock: Clock) -> None:
        secret, _ = enrol(rhea.user, now=clock.now())
        client, code = seat(rhea), code_of(secret, clock.now())
        for path in ("codes", "members"):
            assert client.get(f"/settings/security/{path}/").status_code == 405
        for path in ("off", "prove", "set-up", ""):
            client.get(f"/settings/security/{path}/".replace("//", "/"), {"code": code, "password": builders.PASSWORD})
        assert second_factor.is_enrolled(User.objects.get(pk=rhea.user_id))
        second_factor.check_code(rhea.user, code, now=clock.now())  # nobody used it


@pytest.mark.parametrize("path", ["/login/code/", "/settings/security/prove/"])
@pytest.mark.parametrize("code", ["", "x" * 41, "\x00", "<script>", "١٢٣٤٥٦", "0" * 40])
def test_odd_codes_are_told_as_wrong_and_break_nothing(rhea: Member, clock: Clock, path: str, code: str) -> None:
    enrol(rhea.user, now=clock.now())
    client = Client()
    if "login" in path:
        sign_in(client, rhea.user.email)
    else:
        client = seat(rhea)
    assert client.post(path, {"code": code}).status_code == 422


def test_what_these_pages_say_is_escaped(rhea: Member) -> None:
    User.objects.filter(pk=rhea.user_id).update(name="<script>alert(1)</script>")
    assert "<script>alert" not in text_of(seat(rhea).get("/settings/security/"))
